// Package metrics is what --metrics serves: numbers of a program that runs for long, as text that
// Prometheus reads. It knows nothing of what the numbers mean, except for those of a socket of
// libobe, whose table of counters it exports whole.
//
// The one thing to know first: a request only reads. The numbers are kept by the program, in atomic
// counters, whether or not they are asked for, so that a request waits for nothing that the
// conversation needs, and the other way round. No label has a value from a peer: the number of
// series has a bound that no peer can move.
package metrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Labels are the names and values that tell the series of one metric apart.
type Labels = prometheus.Labels

// Set is a set of metrics. A nil Set takes all of them and has none, so that a program need not ask
// whether metrics are wanted.
type Set struct{ registry *prometheus.Registry }

// New returns a set that has the metrics of Go's runtime and of the process, and obe_build_info.
func New(version, command string) *Set {
	s := &Set{prometheus.NewRegistry()}
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.Gauge("obe_build_info", "The version of obe, and its subcommand; always 1.", Labels{"version": version, "command": command},
		func() float64 { return 1 })
	return s
}

// Counter adds a number that only grows. read is called by each request, from any goroutine, and
// must not wait.
func (s *Set) Counter(name, help string, labels Labels, read func() int64) {
	if s == nil {
		return
	}
	options := prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}
	s.registry.MustRegister(prometheus.NewCounterFunc(options, func() float64 { return float64(read()) }))
}

// Gauge adds a number that also falls. read is as for Counter.
func (s *Set) Gauge(name, help string, labels Labels, read func() float64) {
	if s == nil {
		return
	}
	options := prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}
	s.registry.MustRegister(prometheus.NewGaugeFunc(options, read))
}

// A Row is one of several metrics that are read together.
type Row struct {
	Name, Help string
	Labels     Labels
	Falls      bool // whether it can also become smaller
}

// Rows adds metrics that are read together: read returns their values, in the order of the rows. It is
// as for Counter.
func (s *Set) Rows(rows []Row, read func() []int64) {
	if s == nil {
		return
	}
	c := &rowsCollector{rows: rows, read: read}
	for _, r := range rows {
		c.described = append(c.described, prometheus.NewDesc(r.Name, r.Help, nil, r.Labels))
	}
	s.registry.MustRegister(c)
}

type rowsCollector struct {
	rows      []Row
	described []*prometheus.Desc
	read      func() []int64
}

// Describe sends what is known of the metrics beforehand.
func (c *rowsCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.described {
		to <- d
	}
}

// Collect sends the metrics.
func (c *rowsCollector) Collect(to chan<- prometheus.Metric) {
	for i, value := range c.read() {
		kind := prometheus.CounterValue
		if c.rows[i].Falls {
			kind = prometheus.GaugeValue
		}
		to <- prometheus.MustNewConstMetric(c.described[i], kind, float64(value))
	}
}

// Flag adds a gauge that is 1 or 0.
func (s *Set) Flag(name, help string, read func() bool) {
	s.Gauge(name, help, nil, func() float64 {
		if read() {
			return 1
		}
		return 0
	})
}

// durations are the upper bounds of the buckets of a histogram, in seconds: from what the library
// takes on one machine to what a large posterior or a slow instrument takes.
var durations = []float64{0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30}

// Histogram is the distribution of how long something took. A nil one counts nothing.
type Histogram struct{ observer prometheus.Observer }

// Histogram adds a distribution of durations; its name ends with _seconds.
func (s *Set) Histogram(name, help string) *Histogram {
	if s == nil {
		return nil
	}
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: durations})
	s.registry.MustRegister(h)
	return &Histogram{h}
}

// Observe counts a duration. It does not wait.
func (h *Histogram) Observe(took time.Duration) {
	if h != nil {
		h.observer.Observe(took.Seconds())
	}
}

// Histograms are distributions of durations that a label tells apart.
type Histograms struct {
	vector *prometheus.HistogramVec
	known  []string
}

// otherValue stands for all values of a label that are not known.
const otherValue = "other"

// Histograms adds distributions for the known values of a label. One exists from its first duration
// on. All other values, which may be from peers, are one: "other".
func (s *Set) Histograms(name, help, label string, known []string) *Histograms {
	if s == nil {
		return nil
	}
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: durations}, []string{label})
	s.registry.MustRegister(v)
	return &Histograms{v, known}
}

// Observe counts a duration for a value of the label. It does not wait.
func (h *Histograms) Observe(value string, took time.Duration) {
	if h == nil {
		return
	}
	if !slices.Contains(h.known, value) {
		value = otherValue
	}
	h.vector.WithLabelValues(value).Observe(took.Seconds())
}
