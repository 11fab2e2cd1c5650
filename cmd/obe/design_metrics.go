package main

import (
	"bytes"
	"sync/atomic"
	"time"

	"libobe/internal/designer"
	"libobe/internal/designserver"
	"libobe/internal/jsondoc"
	"libobe/internal/metrics"
	"libobe/internal/socket"
)

// designProblems are what goes wrong in obe design, as labels.
var designProblems = map[string]string{"reply_not_sent": unsentReplies, "missing_in_trace": lostMessages}

// designMetrics is what --metrics tells of a designer. A nil one takes everything and tells nothing.
//
// The designer is for one goroutine, and requests for metrics come in others: they get what was seen
// last.
type designMetrics struct {
	answers      *metrics.Histograms
	errors       atomic.Int64
	measurements atomic.Int64 // of all runs
	seen         atomic.Pointer[designSeen]
}

// designSeen is the state of a run.
type designSeen struct {
	run       int
	status    designer.Status
	estimates []designserver.Estimate
}

// designer adds the metrics of a designer, and of its socket.
func (m *metricsServer) designer(d *designing) *designMetrics {
	if m.server == nil {
		return nil
	}
	all := &designMetrics{}
	all.look(d)
	m.Socket(d.socket, socket.RoleServer)
	m.problems(d.tell, designProblems)
	all.answers = m.Histograms("obe_designer_answer_duration_seconds", "How long the designer took for its answer, by command.", "command", designserver.Names())
	m.Counter("obe_designer_errors_total", "Commands that were answered with an error.", nil, all.errors.Load)
	m.Counter("obe_designer_measurements_total", "Measurements that instruments have reported, of all runs.", nil, all.measurements.Load)
	m.Counter("obe_designer_runs_total", "Runs begun.", nil, func() int64 { return int64(all.seen.Load().run) })
	m.Gauge("obe_designer_run_measurements", "Measurements that the run has, those of --resume included.", nil,
		func() float64 { return float64(all.seen.Load().status.Measurements) })
	m.Flag("obe_designer_trusted", "1 if the posterior can be trusted; if 0, obe design tells why.",
		func() bool { return all.seen.Load().status.Trusted })
	m.Gauge("obe_designer_particles", "Particles of the posterior.", nil,
		func() float64 { return float64(all.seen.Load().status.Particles) })
	m.Gauge("obe_designer_effective_sample_size", "Different particles that the weights amount to.", nil,
		func() float64 { return all.seen.Load().status.Effective })
	for i, p := range all.seen.Load().estimates {
		labels := metrics.Labels{"parameter": p.Name, "unit": p.Unit}
		m.Gauge("obe_designer_estimate_mean", "What the posterior says about a parameter, in the unit of the file.", labels,
			func() float64 { return all.seen.Load().estimates[i].Mean })
		m.Gauge("obe_designer_estimate_std", "The standard deviation of that, as getstd answers it.", labels,
			func() float64 { return all.seen.Load().estimates[i].Std })
	}
	return all
}

// answered counts a command, its reply, and how many measurements the run has more since.
func (m *designMetrics) answered(message, reply []byte, took time.Duration, measured int) {
	if m == nil {
		return
	}
	name, _ := jsondoc.FromValid(message).String("/command") // "" is no name of a command
	m.answers.Observe(name, took)
	if bytes.HasPrefix(reply, []byte(`{"error": `)) { // no other reply begins so
		m.errors.Add(1)
	}
	m.measurements.Add(int64(max(0, measured))) // newrun forgets them
}

// look makes the state of the run the one that requests get.
func (m *designMetrics) look(d *designing) {
	if m != nil {
		m.seen.Store(&designSeen{d.designer.Run(), d.designer.Status(), d.designer.Estimates()})
	}
}
