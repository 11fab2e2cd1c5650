package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"libobe/internal/gateway"
	"libobe/internal/trace"
)

// recordFlags are the flags of a subcommand for a record at a NATS server.
type recordFlags struct {
	*natsFlags
}

// addRecordFlags adds the flags. prefix is that of natsFlags.
func addRecordFlags(flags *pflag.FlagSet, prefix string) recordFlags {
	return recordFlags{addNATSFlags(flags, prefix)}
}

// check refuses flags that have no effect, since the trace is not a record at a NATS server.
func (f recordFlags) check(cmd *cobra.Command, path string) error {
	for _, name := range f.names() {
		if cmd.Flags().Changed(name) && !isNATS(path) {
			return usage(fmt.Errorf("--%s is for nats://HOST/SUBJECT", name))
		}
	}
	return f.natsFlags.check(cmd)
}

// recordHelp explains a record as the argument of a subcommand that reads a trace.
const recordHelp = `nats://HOST/SUBJECT in place of a FILE is what obe gateway has recorded of that subject at a NATS
server.`

// traceReader reads a trace, and follows it.
type traceReader interface {
	Next() (*trace.Entry, error)
	Follow(context.Context) (*trace.Entry, error)
	Damaged() int
	Incomplete() bool
	Close()
}

// history is a record at a NATS server, with the connection to it.
type history struct {
	*gateway.History
	link *gateway.Link
}

func (h history) Close() {
	h.History.Close()
	h.link.Close()
}

// reachTimeout is how long a NATS server may be away when a record is opened.
const reachTimeout = 10 * time.Second

// openHistory opens the record at an address of NATS. Its errors are exits.
func openHistory(app *app, tell *events, flags recordFlags, at natsAddress) (traceReader, error) {
	if at.subject == "" {
		return nil, usage(fmt.Errorf("%s has no subject: write %s/obe.lab1.nv3, with the subject of the gateway that records", at, at))
	}
	link, err := connectNATS(app, flags.config(at, "obe, which reads "+at.subject, func(event gateway.Event, text string) {
		if event != gateway.EventConnected {
			tellNATS(tell)(event, text)
		}
	}))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(app.ctx, reachTimeout)
	defer cancel()
	h, err := gateway.OpenHistory(ctx, link, at.subject, at.String())
	if err != nil {
		link.Close()
		return nil, historyError(err)
	}
	return history{h, link}, nil
}

// historyError is the exit for an error of a record.
func historyError(err error) error {
	switch {
	case errors.Is(err, gateway.ErrDisconnected):
		return &exit{exitNoAnswer, err}
	case errors.Is(err, gateway.ErrNoRecord):
		return usage(fmt.Errorf("%w (record one with obe gateway --record)", err))
	}
	return usage(err)
}

// parseRecord reads the argument of a subcommand that reads a trace. shown is the same for people: an address of NATS may
// have a password.
func parseRecord(text string) (at natsAddress, isRecord bool, shown string, err error) {
	if !isNATS(text) {
		return natsAddress{}, false, text, nil
	}
	if at, err = parseNATS(text); err != nil {
		return at, true, "", usage(err)
	}
	return at, true, at.String(), nil
}

// shownTrace is the path of a trace for people.
func shownTrace(path string) string {
	_, _, shown, _ := parseRecord(path)
	return shown
}
