package main

import (
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"libobe/internal/replay"
	"libobe/internal/trace"
)

// designTrace is what obe design writes to the trace itself: the socket writes the messages.
type designTrace struct {
	path, server string
	described    string // the kinds of what was said last
}

// ownRecord is a message that no client has sent or received.
func ownRecord(server string, direction trace.Direction, at time.Time, body []byte) trace.Record {
	return trace.Record{Time: at, Process: os.Getpid(), Role: "server", Direction: direction, Local: server, Body: body}
}

// describe writes to the trace what the posterior is worth, as the reply of describe, when the run, or the kinds of the
// warnings, have changed: obe watch shows it, whether or not a client asks for it. It also tells the readers of the trace
// which address a server on all interfaces has. A run has it in any case after a measurement, so that --resume knows what was
// measured.
func (d *designing) describe() {
	if d.trace == nil {
		return
	}
	status := d.designer.Status()
	kinds := []string{strconv.Itoa(d.designer.Run()), strconv.FormatBool(status.Measurements > 0)}
	for _, warning := range status.Warnings {
		kinds = append(kinds, kindOfWarning(warning))
	}
	described := strings.Join(kinds, "\n")
	if described == d.trace.described {
		return
	}
	d.trace.described = described
	now := time.Now()
	_, err := trace.WriteAll(d.trace.path, math.MaxInt64, []trace.Record{
		ownRecord(d.trace.server, trace.Received, now, []byte(`{"command": "describe"}`)),
		ownRecord(d.trace.server, trace.Sent, now, d.designer.Summary()),
	})
	if err != nil {
		d.tellLost(err.Error())
	}
}

// lostMessages are messages that the trace lacks, for people.
const lostMessages = "messages that are missing in the trace"

// tellLost tells that the trace lacks a message.
func (d *designing) tellLost(why string) {
	d.tell.tell(lostMessages, notRecorded+why)
}

// begin writes what the trace needs so that the run can be restored from it alone: a newrun, since the measurements would
// else belong to an earlier run of this address, and the measurements that were restored from another place. continued says
// that the run is already there.
func (d *designing) begin(path string, run *replay.Run, continued bool) error {
	if err := trace.CheckContinue(path); err != nil || continued {
		return err
	}
	var records []trace.Record
	add := func(x *replay.Exchange) {
		command := ownRecord(d.socket.Name(), trace.Received, x.Command.Time, x.Command.Body)
		records = append(records, command)
		if x.Reply != nil {
			records = append(records, ownRecord(d.socket.Name(), trace.Sent, x.Command.Time, []byte(`"OK"`)))
		}
	}
	if info, err := os.Stat(path); run == nil && (err != nil || info.Size() == 0) {
		return nil
	}
	if run == nil || !run.Begun {
		began := time.Now()
		if run != nil {
			began = run.Began()
		}
		newRun := trace.EntryOf(trace.Record{Time: began, Body: []byte(`{"command": "newrun"}`)})
		add(&replay.Exchange{Command: newRun, Reply: newRun})
	}
	if run != nil {
		plan, err := run.Plan(false)
		if err != nil {
			return err
		}
		for _, x := range plan.Exchanges {
			add(x)
		}
	}
	_, err := trace.WriteAll(path, math.MaxInt64, records)
	return err
}
