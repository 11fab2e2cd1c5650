package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"libobe/internal/gateway"
)

// statusFlags are the flags of status.
type statusFlags struct {
	nats    *natsFlags
	subject string
	wait    time.Duration
	table   bool
}

func newStatus(app *app) *cobra.Command {
	f := statusFlags{wait: time.Second}
	cmd := &cobra.Command{
		Use:   "status [--nats URL] [--subject SUBJECT]",
		Short: "Show the gateways and designers at a NATS server",
		Long: `Ask which gateways are there, and print what each tells about itself, a line of JSON each: its
version, its subject, whether it is beside instruments (listen) or beside a designer (to), the runs
and their designers, and its counters since it was started. At a terminal, and with --table, it is
a table with a line for each run.

The state of a run is idle before the first newrun, run, or lost if the designer that held it is
gone; a problem is why the designer did not answer the last command.

All that answer within --wait are shown; across slow links a longer one may be needed. Gateways are
services of NATS ($SRV). An account that does not permit those needs --subject.

` + natsHelp + `

The exit status is 3 if none answers.`,
		Example: `  obe status --nats nats://hub
  obe status --nats nats://hub --subject obe.lab1.nv3 --table`,
		Args:                  cobra.NoArgs,
		ValidArgsFunction:     cobra.NoFileCompletions,
		DisableFlagsInUseLine: true,
	}
	flags := cmd.Flags()
	f.nats = addNATSFlags(flags, "")
	f.nats.addNATSServer(flags)
	flags.StringVar(&f.subject, "subject", "", "only the gateways of this `SUBJECT`, such as obe.lab1.nv3 or 'obe.lab1.*'")
	flags.Var((*duration)(&f.wait), "wait", "how long to wait for answers, such as 500ms or 3s; a number alone is in seconds")
	flags.BoolVar(&f.table, "table", false, "print a table instead of JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return f.do(app, cmd) }
	return cmd
}

func (f *statusFlags) do(app *app, cmd *cobra.Command) error {
	tell := newEvents(app.stderr, cmd.CommandPath())
	if err := f.nats.check(cmd); err != nil {
		return err
	}
	at, err := f.nats.server()
	if err != nil {
		return err
	}
	if at.subject != "" && f.subject != "" && at.subject != f.subject {
		return usage(fmt.Errorf("--subject is %s, and the address of the NATS server has %s: leave one of them out", f.subject, at.subject))
	}
	subject := cmp.Or(f.subject, at.subject)
	if subject != "" {
		if err := gateway.CheckSubject(subject, true); err != nil {
			return usage(fmt.Errorf("--subject: %w", err))
		}
	}
	link, err := connectNATS(app, f.nats.config(at, "obe status", func(event gateway.Event, text string) {
		switch event {
		case gateway.EventConnected, gateway.EventUnreachable:
		default:
			tell.tell(natsEvents[event], text)
		}
	}))
	if err != nil {
		return err
	}
	defer link.Close()
	ctx, cancel := context.WithTimeout(app.ctx, max(f.wait, leastReach))
	defer cancel()
	if err := link.WaitConnected(ctx); err != nil {
		return &exit{exitNoAnswer, err}
	}
	found, err := link.Gateways(app.ctx, subject, f.wait)
	if err != nil {
		return &exit{exitNoAnswer, fmt.Errorf("the NATS server at %s could not be asked: %w", at.servers, err)}
	}
	if len(found) == 0 {
		where := ""
		if subject != "" {
			where = " of " + subject
		}
		return &exit{exitNoAnswer, fmt.Errorf("no gateway%s answers at %s\n  start one with obe gateway, or wait longer with --wait", where, at.servers)}
	}
	return f.print(app, found)
}

// leastReach is how long a NATS server may take to accept the connection.
const leastReach = 5 * time.Second

// print prints the gateways.
func (f *statusFlags) print(app *app, found []gateway.Seen) error {
	if f.table || app.terminal {
		text, _ := statusTable(found, time.Now()).format(false)
		_, err := app.stdout.Write(append(text, '\n'))
		return err
	}
	for _, seen := range found {
		line, err := json.Marshal(seen)
		if err != nil {
			return err
		}
		if _, err := app.stdout.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// statusTable returns a line for each run, and for each gateway without one.
func statusTable(found []gateway.Seen, now time.Time) grid {
	header := []string{"subject", "role", "address", "host", "version", "up", "designer", "state", "runs", "commands", "last", "counters"}
	g := grid{header: header, columns: make([][]string, len(header))}
	for _, seen := range found {
		runs := seen.Runs
		if len(runs) == 0 {
			runs = []gateway.RunReport{{Subject: seen.Subject}}
		}
		for i, run := range runs {
			counters := ""
			if i == 0 {
				counters = countersText(seen)
			}
			last := ""
			if !run.Last.IsZero() {
				last = age(now.Sub(run.Last))
			}
			state := run.State
			if run.Problem != "" {
				state += " (" + run.Problem + ")"
			}
			g.add(run.Subject, seen.Role, seen.Address, seen.Host+":"+strconv.Itoa(seen.Process), seen.Version, age(now.Sub(seen.Started)),
				run.Designer, state, strconv.FormatInt(run.Runs, 10), strconv.FormatInt(run.Commands, 10), last, counters)
		}
	}
	return g
}

// countersText returns the counters that are not 0.
func countersText(seen gateway.Seen) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(seen.Counters)) {
		if n := seen.Counters[name]; n != 0 {
			texts = append(texts, fmt.Sprintf("%s %d", name, n))
		}
	}
	if r := seen.Record; r != nil {
		texts = append(texts, fmt.Sprintf("recorded %d", r.Written))
		if r.Lost > 0 {
			texts = append(texts, fmt.Sprintf("not recorded %d", r.Lost))
		}
	}
	return strings.Join(texts, ", ")
}

// age returns a duration for people, in its largest unit.
func age(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}} {
		if d >= unit.length {
			return strconv.FormatInt(int64(d/unit.length), 10) + " " + unit.name
		}
	}
	return strconv.FormatInt(int64(max(d, 0)/time.Second), 10) + " s"
}
