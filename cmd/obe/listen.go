package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"libobe/internal/excerpt"
	"libobe/internal/jsondoc"
	"libobe/internal/script"
	"libobe/internal/standin"
	"libobe/internal/trace"
)

// listenFlags are the flags of obe listen.
type listenFlags struct {
	script    string
	expect    bool
	untilUsed bool
	stay      bool
	quiet     bool
	timeout   duration
	metrics   *metricsFlag
}

func newListen(app *app) *cobra.Command {
	var flags listenFlags
	cmd := &cobra.Command{
		Use:   "listen [ADDRESS] [--script FILE]",
		Short: "Stand in for a server: print what comes, and answer from a script",
		Long: `Listen like a server, print every message and its reply, and answer as a script says;
without a script, or where it has nothing about a message, the answer is "OK". After it has
answered {"command": "done"}, it ends like a server; --stay lets it listen on.

At a terminal a message is a line of text. Elsewhere the output is a trace: a JSON line for
each message, with its time and sender.

A script is a TOML file. Its tables [[answer]] are tried in their order, and the first one
that matches a message answers it:

  [[answer]]
  command = "optset"             # which messages; without it, and without match, all
  sequence = [[2.86], [2.87]]    # the answers, one after the other; the last one repeats

  [[answer]]
  command = "newdat"
  match = {x = [2.87]}           # members that the message must have, among others
  reply = "OK"                   # one answer; json = '[NaN, null]' is a JSON text
  delay = "200ms"
  times = 2                      # how many such messages are expected; 0: none
  then = "error"                 # after the last one: "repeat" it, ask the "next" table,
                                 # or answer with an error

  [[answer]]
  command = "getmean"
  fault = "half"                 # "silence", "close", "reset", "garbage", "half" (of the
                                 # reply, and close), "stall" (half, and then nothing)

  [[answer]]
  command = "getcov"
  raw = "         4\"OK\""       # bytes, without a header

  [otherwise]                    # all messages that no table above matches
  fault = "silence"

With --expect the exit status is 1 if some answers were not used, or a client sent what the
script does not expect or what is not a message; the rest is printed. It ends after done,
with --until-used after the last answer, with --timeout, or at a signal.

` + addressHelp + ` With :0 the system chooses
the port, and the address is printed.`,
		Example:               "  obe listen\n  obe listen :0 --script replies.toml --expect --until-used --timeout 60s",
		DisableFlagsInUseLine: true,
		Args:                  cobra.MaximumNArgs(1),
	}
	cmd.Flags().StringVar(&flags.script, "script", "", "answer as the TOML `FILE` says")
	cmd.Flags().BoolVar(&flags.expect, "expect", false, "exit with 1 if the script was not used up, or anything unexpected came")
	cmd.Flags().BoolVar(&flags.untilUsed, "until-used", false, "end when the script is used up; implies --expect")
	cmd.Flags().BoolVar(&flags.stay, "stay", false, "do not end after the command done")
	cmd.Flags().BoolVar(&flags.quiet, "quiet", false, "print no messages")
	cmd.Flags().Var(&flags.timeout, "timeout", "end after this time; 0: never")
	flags.metrics = addMetricsFlag(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		at, err := optionalAddress(args)
		if err == nil {
			err = noEmptyPath(cmd, "script")
		}
		if err != nil {
			return err
		}
		flags.expect = flags.expect || flags.untilUsed
		if flags.expect && flags.script == "" {
			return usage(errors.New("--expect and --until-used are about a script; add --script FILE"))
		}
		return listen(app, cmd.CommandPath(), at, flags)
	}
	return cmd
}

// misbehaviour are the kinds of events of a stand-in, for many of them.
var misbehaviour = map[standin.Event]string{
	standin.BadMessage:   "messages that are not valid",
	standin.Unexpected:   "messages that the script does not expect",
	standin.CutMessage:   "connections that ended inside a message",
	standin.AcceptFailed: "failed attempts to accept a connection",
}

func listen(app *app, prefix string, at address, flags listenFlags) error {
	replies, err := readScript(flags.script)
	if err != nil {
		return usage(err)
	}
	tell := newEvents(app.stderr, prefix)
	numbers, err := flags.metrics.open(app, tell, "listen", map[string]address{"ADDRESS": at})
	if err != nil {
		return err
	}
	defer numbers.close()
	listener, err := listenOn(at, ":0")
	if err != nil {
		return err
	}
	report := app.reporter(tell)
	if flags.quiet {
		report = func(standin.Message) {}
	}
	server := standin.New(standin.Config{
		Listener: listener, Script: replies, Report: numbers.standIn(report),
		Wrong: func(event standin.Event, text string) { tell.tell(misbehaviour[event], text) },
		Last: func(message []byte, others int) bool {
			return !flags.stay && isDone(message) || flags.untilUsed && others == 0 && replies.UsedUp()
		},
	})
	numbers.connections(server)
	numbers.problems(tell, standInProblems)
	numbers.serve()
	tell.say("listening on %s", nameOf(listener.Addr()))
	go server.Serve()
	ctx := app.ctx
	if flags.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(flags.timeout))
		defer cancel()
	}
	select {
	case <-server.Finished():
	case <-ctx.Done():
	}
	server.Close()
	tell.end()
	if !flags.expect {
		return nil
	}
	left := replies.Left()
	unexpected := 0
	for _, kind := range []standin.Event{standin.Unexpected, standin.BadMessage, standin.CutMessage} {
		unexpected += tell.count(misbehaviour[kind])
	}
	if len(left) == 0 && unexpected == 0 {
		return &verdict{&exit{status: exitOK}}
	}
	problem := plural(unexpected, "message") + " came, unexpected, cut or not valid"
	if len(left) > 0 {
		problem = "the script was not used up:\n  " + strings.Join(left, "\n  ")
	}
	return &verdict{&exit{exitAnswer, errors.New(problem)}}
}

// maxScript is the size of the largest script. Without a limit a wrong path, such as that of
// a device, would take all memory.
const maxScript = 64 << 20

// readScript reads a script; no path is no script.
func readScript(path string) (*script.Script, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--script: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxScript+1))
	if err != nil {
		return nil, fmt.Errorf("--script: %w", err)
	}
	if len(text) > maxScript {
		return nil, fmt.Errorf("--script: %s has more than %d MiB, which no script has", path, maxScript>>20)
	}
	return script.Parse(filepath.Base(path), text)
}

// isDone reports whether a message asks the server to end.
func isDone(message []byte) bool {
	command, err := jsondoc.FromValid(message).String("/command")
	return err == nil && command == "done"
}

// reporter returns what prints the messages: for people at a terminal as text, for programs
// as a trace.
func (a *app) reporter(tell *events) func(standin.Message) {
	if a.terminal {
		lines := messageLines{}
		return func(m standin.Message) { fmt.Fprintln(a.stdout, lines.format(m)) }
	}
	stream := trace.Stream{To: a.stdout}
	return func(m standin.Message) {
		if m.Body == nil {
			tell.say("%s is answered with the fault %s", m.Peer, m.Fault)
			return
		}
		direction := trace.Received
		if m.Sent {
			direction = trace.Sent
		}
		// An error ends the program; see output.
		_ = stream.Write(trace.Record{
			Time: m.Time, Process: os.Getpid(), Role: "server", Direction: direction,
			Peer: m.Peer, Local: m.Local, Connection: m.Connection, Elapsed: m.Took, Body: m.Body,
		})
	}
}

// messageLines formats messages for people, in columns.
type messageLines struct{ width int }

// maxShown is how many bytes of a message a line has.
const maxShown = 300

func (l *messageLines) format(m standin.Message) string {
	l.width = max(l.width, len(m.Peer))
	text := "fault: " + string(m.Fault)
	if m.Body != nil {
		text = printable(excerpt.Cut(m.Body, maxShown))
	}
	if m.Sent {
		text = "  -> " + text
	}
	return fmt.Sprintf("%s  %-*s  %s", m.Time.Format("15:04:05.000"), l.width, m.Peer, text)
}
