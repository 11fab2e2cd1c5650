package main

import (
	"libobe/internal/gateway"
	"libobe/internal/metrics"
)

// gatewayCounters are the counters of an end of a gateway, by their names in its report.
var gatewayCounters = []struct{ name, help string }{
	{"commands", "Commands that came."},
	{"replies", "Replies of designers that were passed on."},
	{"errors", "Errors that were sent instead of a reply, those that follow included."},
	{"busy", "Commands refused because too many waited."},
	{"expired", "Commands not executed because their senders had stopped waiting."},
	{"lost", "Commands of a run whose designer is gone."},
	{"unread", "Replies that an instrument did not take."},
}

// runStates are the states of a run in a report.
var runStates = []string{"idle", "run", "lost"}

// gatewayProblems are the kinds of events of a gateway, as labels.
func gatewayProblems() map[string]string {
	kinds := map[string]string{}
	for event, told := range natsEvents {
		if event != gateway.EventConnected {
			kinds[string(event)] = told
		}
	}
	return kinds
}

// gatewayReplies adds how long replies take.
func (m *metricsServer) gatewayReplies() *metrics.Histogram {
	return m.Histogram("obe_gateway_reply_duration_seconds",
		"How long replies took: beside instruments since the command came, beside a designer since it was sent to that.")
}

// gateway adds the other metrics of an end of a gateway. log may be nil.
func (m *metricsServer) gateway(tell *events, link *gateway.Link, log *gateway.Log, report func() gateway.Report) {
	var rows []metrics.Row
	for _, c := range gatewayCounters {
		rows = append(rows, metrics.Row{Name: "obe_gateway_" + c.name + "_total", Help: c.help})
	}
	for _, state := range runStates {
		rows = append(rows, metrics.Row{Name: "obe_gateway_runs", Help: "Runs of the subjects that are in use, by their state.", Labels: metrics.Labels{"state": state}, Falls: true})
	}
	m.Rows(rows, func() (values []int64) {
		r := report()
		for _, c := range gatewayCounters {
			values = append(values, r.Counters[c.name])
		}
		runs := map[string]int64{}
		for _, run := range r.Runs {
			runs[run.State]++
		}
		for _, state := range runStates {
			values = append(values, runs[state])
		}
		return values
	})
	m.Flag("obe_gateway_connected", "1 if there is a connection to the NATS server.", link.Connected)
	m.problems(tell, gatewayProblems())
	if log != nil {
		m.recorder(func() (written, lost, waiting int64) {
			c := log.Counts()
			return c.Written, c.Lost, c.Waiting
		})
	}
}
