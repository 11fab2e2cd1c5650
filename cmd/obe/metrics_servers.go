package main

import (
	"sync/atomic"

	"libobe/internal/metrics"
	"libobe/internal/monitor"
	"libobe/internal/proxy"
	"libobe/internal/simulate"
	"libobe/internal/standin"
	"libobe/internal/wire"
)

// standInProblems are the kinds of events of a stand-in, as labels.
var standInProblems = map[string]string{
	"not_valid":     misbehaviour[standin.BadMessage],
	"unexpected":    misbehaviour[standin.Unexpected],
	"cut":           misbehaviour[standin.CutMessage],
	"accept_failed": misbehaviour[standin.AcceptFailed],
}

// proxyProblems are those of a proxy.
var proxyProblems = map[string]string{
	"server_missing": eventNames[proxy.ServerMissing],
	"not_frames":     eventNames[proxy.NotFrames],
	"not_valid":      eventNames[proxy.NotJSON],
	"cut":            eventNames[proxy.Cut],
	"accept_failed":  eventNames[proxy.AcceptFailed],
	"loop":           eventNames[proxy.Loop],
}

// connections adds the connections of clients that a server of this tool has accepted.
func (m *metricsServer) connections(server interface {
	Connections() int64
	Open() int64
}) {
	m.Stat("connections_opened", server.Connections)
	m.Stat("connections_open", server.Open)
}

// standIn adds the messages of a stand-in. It returns what counts and reports them.
func (m *metricsServer) standIn(report func(standin.Message)) func(standin.Message) {
	var received, sent, faults atomic.Int64
	m.Stat("messages_received", received.Load)
	m.Stat("messages_sent", sent.Load)
	m.Counter("obe_faults_sent_total", "Faults that were sent instead of a reply, as the script says.", nil, faults.Load)
	return func(message standin.Message) {
		switch {
		case !message.Sent:
			received.Add(1)
		case message.Body == nil:
			faults.Add(1)
		default:
			sent.Add(1)
		}
		report(message)
	}
}

// forwarded adds the messages of a proxy. It returns what counts and records them.
func (m *metricsServer) forwarded(record func(proxy.Message)) func(proxy.Message) {
	if m.server == nil {
		return record
	}
	var messages, bytes [2]atomic.Int64 // of clients, and of the server
	for i, from := range []string{"client", "server"} {
		m.Counter("obe_forwarded_messages_total", "Complete messages forwarded, by the side that sent them.", metrics.Labels{"from": from}, messages[i].Load)
		m.Counter("obe_forwarded_bytes_total", "Bytes of these messages, headers included.", metrics.Labels{"from": from}, bytes[i].Load)
	}
	took := m.Histogram("obe_reply_duration_seconds", "How long clients waited for a reply: since their last message began.")
	return func(message proxy.Message) {
		i := 0
		if message.Reply {
			i = 1
			took.Observe(message.Took)
		}
		messages[i].Add(1)
		bytes[i].Add(wire.HeaderLength + max(message.Length, int64(len(message.Body))))
		record(message)
	}
}

// recorder adds what becomes of messages that are recorded.
func (m *metricsServer) recorder(counts func() (written, lost, waiting int64)) {
	m.Rows([]metrics.Row{
		{Name: "obe_recorded_messages_total", Help: "Messages recorded."},
		{Name: "obe_unrecorded_messages_total", Help: "Messages that are missing in the record; the program has told why."},
		{Name: "obe_recorder_waiting_messages", Help: "Messages that wait to be recorded.", Falls: true},
	}, func() []int64 {
		written, lost, waiting := counts()
		return []int64{written, lost, waiting}
	})
}

// watched adds what the page of obe watch shows.
func (m *metricsServer) watched(model *monitor.Model) {
	m.Rows([]metrics.Row{
		{Name: "obe_watch_messages_total", Help: "Messages that the page has seen, those at the beginning of the trace included."},
		{Name: "obe_watch_runs_total", Help: "Runs that the page has seen begin."},
		{Name: "obe_watch_errors_total", Help: "Replies with an error that the page has seen, and faults of the proxy."},
		{Name: "obe_watch_damaged_lines_total", Help: "Lines of the trace that could not be read."},
	}, func() []int64 {
		c := model.Counts()
		return []int64{c.Messages, c.Runs, c.Errors, c.Damaged}
	})
}

// simulated adds the measurements of a simulation. It returns what counts and shows them; show may be nil.
func (m *metricsServer) simulated(show func(*simulate.Run) error) func(*simulate.Run) error {
	if m.server == nil {
		return show
	}
	var measurements atomic.Int64
	m.Counter("obe_simulate_measurements_total", "Measurements made, of all runs.", nil, measurements.Load)
	return func(r *simulate.Run) error {
		measurements.Add(1)
		if show == nil {
			return nil
		}
		return show(r)
	}
}
