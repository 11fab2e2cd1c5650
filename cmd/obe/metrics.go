package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"libobe/internal/metrics"
)

// metricsFlag is the flag --metrics.
type metricsFlag struct {
	flags *pflag.FlagSet
	at    string
}

func addMetricsFlag(flags *pflag.FlagSet) *metricsFlag {
	m := &metricsFlag{flags: flags}
	flags.StringVar(&m.at, "metrics", "", "serve metrics for Prometheus at http://`ADDRESS`"+metrics.Path+", such as 127.0.0.1:9464")
	return m
}

// given reports whether metrics are wanted.
func (f *metricsFlag) given() bool { return f.flags.Changed("metrics") }

// metricsServer is the metrics of the program, and what serves them. Without --metrics it has neither,
// and takes metrics and calls all the same.
type metricsServer struct {
	*metrics.Set
	server *metrics.Server
	tell   *events
}

// open listens for --metrics. others are addresses that the program listens on or connects to, with
// what people call them. The caller adds its metrics, then calls serve, and close in the end.
func (f *metricsFlag) open(app *app, tell *events, command string, others map[string]address) (*metricsServer, error) {
	if !f.given() {
		return &metricsServer{}, nil
	}
	at, err := parseAddress(f.at)
	if err == nil && strings.HasPrefix(at.host, unixPrefix) {
		err = &mistake{f.at, 0, "Prometheus needs a host and a port"}
	}
	if err != nil {
		return nil, usage(fmt.Errorf("--metrics: %w", err))
	}
	for _, name := range slices.Sorted(maps.Keys(others)) {
		if at.port > 0 && others[name].String() == at.String() {
			return nil, usage(fmt.Errorf("--metrics and %s are both %s; the metrics need an address of their own, such as --metrics :0", name, at))
		}
	}
	listener, err := listenOn(at, "--metrics :0")
	if err != nil {
		return nil, err
	}
	host := hostOf(f.at, listener.Addr())
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	tell.say("metrics are at http://%s%s", net.JoinHostPort(host, port), metrics.Path)
	if !isLoopback(listener.Addr()) {
		tell.say("programs on other machines can read the metrics; they are not encrypted")
	}
	m := &metricsServer{Set: metrics.New(version, command), tell: tell}
	m.server = metrics.NewServer(m.Set, listener, host, func(text string) { tell.tell("faults of the metrics", "the metrics: "+text) })
	context.AfterFunc(app.ctx, m.close)
	return m, nil
}

// serve begins to answer requests.
func (m *metricsServer) serve() {
	if m.server == nil {
		return
	}
	go func() {
		if err := m.server.Serve(); err != nil {
			m.tell.say("the metrics have ended: %v", err)
		}
	}()
}

// close ends all connections.
func (m *metricsServer) close() {
	if m.server != nil {
		m.server.Close()
	}
}

// problems adds how often each kind of events happened. kinds has what people are told of many events
// of a kind, by the value of the label.
func (m *metricsServer) problems(tell *events, kinds map[string]string) {
	for kind, told := range kinds {
		m.Counter("obe_problems_total", "What went wrong, by kind; the program has told the first ones.", metrics.Labels{"kind": kind},
			func() int64 { return int64(tell.count(told)) })
	}
}
