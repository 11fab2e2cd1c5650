package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"libobe/internal/command"
	"libobe/internal/excerpt"
	"libobe/internal/jsondoc"
	"libobe/internal/replay"
	"libobe/internal/socket"
	"libobe/internal/trace"
)

// replayFlags are the flags of replay.
type replayFlags struct {
	to, listen             string
	asServer, list, dryRun bool
	all, persistent        bool
	run                    int
	runGiven               bool
	timeout                time.Duration
	tls                    *tlsFlags
	metrics                *metricsFlag
	nats                   recordFlags
}

func newReplay(app *app) *cobra.Command {
	f := replayFlags{timeout: 60 * time.Second}
	cmd := &cobra.Command{
		Use:   "replay FILE|nats://HOST/SUBJECT --to ADDRESS|--as-server|--list|--dry-run",
		Short: "Send a recorded run to a server again, or answer as the recorded server did",
		Long: `Read the trace FILE, with FILE.1 if it was renamed to that when it was full, and send the
newrun and newdat of a run to a fresh server, one after the other. What the server knew before a
crash is back then. It was recorded by obe record or with OBE_TRACE, at either side.

A run begins at each newrun that was not refused; --list prints the runs, and the last one is the
default. Left out are measurements that the recorded server refused with an error. Of one that got
no reply the trace does not tell whether the server has executed it: it is sent, unless it was
sent again, as the next measurement or by the same client within five minutes.

The replay stops at the first reply that is not "OK", with exit status 1. With --all every command
of the run is sent, and an error stops the replay unless the same command was answered with one
before.

` + recordHelp + `

--as-server listens instead, and answers each command as the recorded server did: with the next
recorded reply to the same command with the same members, or if there is none, to the same
command. It ends after it has answered done. Without --run it answers from the whole trace.

ADDRESS is host:port, :port on this machine, or unix:/path; with --listen :0 the system chooses
the port, and the address is printed.`,
		Example: `  obe replay run.jsonl --list
  obe replay run.jsonl --to :61981
  obe replay run.jsonl --as-server --listen :0
  obe replay nats://hub/obe.lab1.nv3 --to :61981`,
		Args: cobra.ExactArgs(1),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.to, "to", "", "send to the server at `ADDRESS`")
	flags.BoolVar(&f.asServer, "as-server", false, "answer as the recorded server did")
	flags.BoolVar(&f.list, "list", false, "print the runs of the trace, one a line")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print the messages that would be sent, one a line")
	flags.StringVar(&f.listen, "listen", defaultAddress.String(), "with --as-server: listen on `ADDRESS`")
	flags.IntVar(&f.run, "run", 0, "the `NUMBER` of the run, from 1, in the order of --list (the last one)")
	flags.BoolVar(&f.all, "all", false, "send every command, not only newrun and newdat")
	flags.Var((*duration)(&f.timeout), "timeout", "how long to wait for each reply, such as 500ms, 30s or 2m; a number alone is in seconds")
	flags.BoolVar(&f.persistent, "persistent", false, "use one connection for all messages: only for servers built on libobe")
	f.metrics = addMetricsFlag(flags)
	f.tls = addTLSFlags(flags, "", socket.RoleClient)
	f.nats = addRecordFlags(flags, "nats-")
	cmd.MarkFlagsMutuallyExclusive("to", "as-server", "list", "dry-run")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return f.do(app, cmd, args[0])
	}
	return cmd
}

// replayModes are the flags that have an effect in each mode of replay, besides that of the
// mode. Those of TLS are for what has connections.
var replayModes = []struct {
	name, flags string
	connects    bool
}{
	{"to", "run all timeout persistent", true},
	{"as-server", "listen run timeout metrics", true},
	{"list", "", false},
	{"dry-run", "run all", false},
}

// noIdleFlags refuses flags that have no effect in the mode that was chosen.
func (f *replayFlags) noIdleFlags(flags *pflag.FlagSet) (err error) {
	for _, mode := range replayModes {
		if !flags.Changed(mode.name) {
			continue
		}
		flags.Visit(func(flag *pflag.Flag) {
			known := flag.Name == mode.name || slices.Contains(f.nats.names(), flag.Name) || slices.Contains(strings.Fields(mode.flags), flag.Name) || mode.connects && strings.HasPrefix(flag.Name, "tls")
			if !known && err == nil {
				pair := []string{mode.name, flag.Name}
				slices.Sort(pair)
				err = fmt.Errorf("--%s and --%s exclude each other", pair[0], pair[1])
			}
		})
	}
	return err
}

func (f *replayFlags) do(app *app, cmd *cobra.Command, path string) error {
	tell := newEvents(app.stderr, cmd.CommandPath())
	f.runGiven = cmd.Flags().Changed("run")
	if !cmd.Flags().Changed("to") && !f.asServer && !f.list && !f.dryRun {
		return usage(fmt.Errorf("say what to do: send the run with --to ADDRESS, such as --to %s, answer with --as-server, or look with --list or --dry-run", defaultAddress))
	}
	if cmd.Flags().Changed("listen") && !f.asServer {
		return usage(errors.New("--listen is for --as-server; to send the run to a server, use --to"))
	}
	if err := f.noIdleFlags(cmd.Flags()); err != nil {
		return usage(err)
	}
	at, name := f.to, "--to"
	if f.asServer {
		at, name = f.listen, "--listen"
	}
	var address address
	if cmd.Flags().Changed("to") || f.asServer {
		var err error
		if address, err = parseAddress(at); err != nil {
			return usage(fmt.Errorf("%s: %w", name, err))
		}
	}
	if err := f.nats.check(cmd, path); err != nil {
		return err
	}
	recording, path, err := app.load(tell, f.nats, path)
	if err != nil {
		return traceExit(path, err)
	}
	if recording.Damaged > 0 {
		tell.say("%s in %s %s not complete, and skipped", plural(recording.Damaged, "line"), path, isAre(int64(recording.Damaged)))
	}
	if f.list {
		return listRuns(app, recording)
	}
	run, err := f.choose(recording, path)
	if err != nil {
		return usage(err)
	}
	if f.asServer {
		return f.answer(app, tell, address, recording, run)
	}
	plan, err := run.Plan(f.all)
	if err != nil {
		return usage(err)
	}
	if !run.Begun {
		tell.say("the trace has no newrun before these measurements: if the recorded server got one, its beginning is missing")
	}
	if plan.Refused > 0 {
		tell.say("%s that the recorded server refused %s left out", plural(plan.Refused, "command"), isAre(int64(plan.Refused)))
	}
	if n := len(plan.Resent); n > 0 {
		tell.say("%s without a reply, which the client sent again, %s left out", plural(n, "command"), isAre(int64(n)))
	}
	if n := plan.Unanswered; n > 0 {
		tell.say("%s without a reply %s among those to send; the trace does not tell whether the recorded server has executed %s", plural(n, "command"), isAre(int64(n)), map[bool]string{true: "it", false: "them"}[n == 1])
	}
	if f.dryRun {
		for _, x := range plan.Resent {
			tell.say("%s (%s) got no reply, and was sent again (line %d)", shownName(x.Lost.Name), x.Lost.Command.Place(), x.Again.Command.Line)
		}
		for _, x := range plan.Exchanges {
			body := x.Command.Body
			if app.terminal {
				body = visible(body)
			}
			if _, err := fmt.Fprintf(app.stdout, "%s\n", body); err != nil {
				return err
			}
		}
		tell.say("%s would be sent", plural(len(plan.Exchanges), "command"))
		return nil
	}
	return f.send(app, tell, address, plan)
}

// load reads a trace, which takes long if it is large or a pipe. A signal ends the wait for it. shown is the path for
// people.
func (a *app) load(tell *events, flags recordFlags, path string) (recording *replay.Recording, shown string, err error) {
	at, isRecord, shown, err := parseRecord(path)
	if err != nil {
		return nil, shown, err
	}
	type result struct {
		recording *replay.Recording
		err       error
	}
	loaded := make(chan result, 1)
	go func() {
		if !isRecord {
			recording, err := replay.Load(path)
			loaded <- result{recording, err}
			return
		}
		reader, err := openHistory(a, tell, flags, at)
		if err != nil {
			loaded <- result{nil, err}
			return
		}
		defer reader.Close()
		recording, err := replay.Read(shown, reader)
		loaded <- result{recording, err}
	}()
	select {
	case r := <-loaded:
		return r.recording, shown, r.err
	case <-a.ctx.Done():
		return nil, shown, a.ctx.Err()
	}
}

// traceExit is the exit for an error of load.
func traceExit(path string, err error) error {
	if errors.As(err, new(*exit)) {
		return err
	}
	return usage(traceError(path, err))
}

// traceError adds what to try to an error of reading a trace.
func traceError(path string, err error) error {
	try := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		try = "the trace is where OBE_TRACE or obe record --out have put it"
	case errors.Is(err, trace.ErrNotTrace):
		try = "record one with obe record --out or OBE_TRACE"
	case errors.Is(err, trace.ErrVersion):
		try = "use the version of obe that belongs to the library that wrote it"
	case errors.Is(err, replay.ErrEmpty):
		try = "was the trace turned on before the run?"
	default:
		return err
	}
	return fmt.Errorf("%w (%s)", err, try)
}

// choose returns the run that --run names, or the last one. For --as-server that is none
// unless it is named.
func (f *replayFlags) choose(recording *replay.Recording, path string) (*replay.Run, error) {
	count := len(recording.Runs)
	switch {
	case f.runGiven && (f.run < 1 || f.run > count):
		return nil, fmt.Errorf("--run %d: %s has %s; --list prints them", f.run, path, plural(count, "run"))
	case f.runGiven:
		return recording.Runs[f.run-1], nil
	case f.asServer:
		return nil, nil
	case count == 0:
		return nil, fmt.Errorf("%s has no run: no newrun and no newdat in %s", path, plural(len(recording.Exchanges), "command"))
	}
	return recording.Runs[count-1], nil
}

// listRuns prints the runs, one a line.
func listRuns(app *app, recording *replay.Recording) error {
	for i, run := range recording.Runs {
		refused := 0
		for _, x := range run.Exchanges {
			if x.Refused() {
				refused++
			}
		}
		line, err := json.Marshal(struct {
			Run      int       `json:"run"`
			Began    time.Time `json:"began"`
			Server   string    `json:"server"`
			NewRun   bool      `json:"newrun"`
			NewData  int       `json:"newdat"`
			Commands int       `json:"commands"`
			Refused  int       `json:"refused"`
		}{i + 1, run.Began(), run.Server, run.Begun, run.Count("newdat"), len(run.Exchanges), refused})
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(app.stdout, "%s\n", line); err != nil {
			return err
		}
	}
	return nil
}

// send sends the commands of a plan, and says how far it came.
func (f *replayFlags) send(app *app, tell *events, to address, plan *replay.Plan) error {
	client, err := newClient(app, to, f.tls)
	if err != nil {
		return err
	}
	defer client.Free()
	if f.persistent {
		if err := client.SetOption("persistent", "1"); err != nil {
			return failure(err)
		}
	}
	total := len(plan.Exchanges)
	bar := progressbar.NewOptions(total, progressbar.OptionSetWriter(app.stderr), progressbar.OptionSetVisibility(app.terminalErr),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("commands"), progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	sent := 0
	began := time.Now()
	err = plan.Send(func(body []byte) ([]byte, error) { return client.TcmdBody(body, f.timeout) }, func() {
		sent++
		_ = bar.Add(1)
	})
	if err == nil {
		_ = bar.Finish()
		tell.say("%s to %s in %.1f s", plural(sent, "command"), to, time.Since(began).Seconds())
		return nil
	}
	_ = bar.Clear()
	var stopped *replay.StoppedError
	if errors.As(err, &stopped) {
		tell.say("stopped at command %d of %d, %s (%s)", sent+1, total, shownName(stopped.Exchange.Name), stopped.Exchange.Command.Place())
		err = stopped.Cause
	}
	if errors.Is(err, command.ErrReply) {
		return &exit{exitAnswer, err}
	}
	return failure(err)
}

// answer answers commands as the recorded server did, until done or a signal.
func (f *replayFlags) answer(app *app, tell *events, at address, recording *replay.Recording, run *replay.Run) error {
	numbers, err := f.metrics.open(app, tell, "replay", map[string]address{"--listen": at})
	if err != nil {
		return err
	}
	defer numbers.close()
	answers := recording.NewAnswerer(run)
	server, err := socket.NewServer(at.host, at.port)
	if err != nil {
		return failure(err)
	}
	defer server.Free()
	app.sockets = append(app.sockets, server)
	if err := f.tls.apply(server); err != nil {
		return err
	}
	numbers.Socket(server, socket.RoleServer)
	numbers.problems(tell, replayProblems)
	numbers.serve()
	tell.say("listening on %s", server.Name())
	defer context.AfterFunc(app.ctx, server.Free)()
	var done atomic.Int32
	answered := 0
	err = server.Serve(func(m *socket.Message) {
		exchange, match := answers.Next(m.Body)
		name, _ := jsondoc.FromValid(m.Body).String("/command")
		reply, known := recordedReply(tell, name, exchange, match)
		if !known {
			return // it got no reply
		}
		if err := m.Reply(reply, f.timeout); err != nil {
			tell.tell(unsentReplies, err.Error())
			return
		}
		answered++
		if name == "done" {
			done.Store(1)
		}
	}, &done)
	tell.end()
	tell.say("%s answered", plural(answered, "command"))
	if app.ctx.Err() != nil {
		return nil // app.run returns why
	}
	return failure(err)
}

// What people are told of many commands that cannot be answered exactly as the recorded server did.
const (
	repeatedCommands   = "commands that came more often than they were recorded"
	similarCommands    = "commands with other members than those that were recorded"
	unknownCommands    = "commands that were not recorded"
	unansweredCommands = "commands without a recorded reply"
	cutReplies         = "replies of which the trace has only the beginning"
	unsentReplies      = "replies that could not be sent"
)

// replayProblems are these as labels.
var replayProblems = map[string]string{
	"repeated": repeatedCommands, "other_members": similarCommands, "unknown": unknownCommands,
	"no_reply": unansweredCommands, "cut": cutReplies, "reply_not_sent": unsentReplies,
}

// recordedReply returns the reply to a command, or false if the recorded server sent none. It
// tells if the command is not exactly what was recorded.
func recordedReply(tell *events, name string, x *replay.Exchange, match replay.Match) ([]byte, bool) {
	shown := shownName(name)
	switch match {
	case replay.Repeated:
		tell.tell(repeatedCommands, shown+" comes more often than it was recorded: the last reply is sent again")
	case replay.Similar:
		tell.tell(similarCommands, shown+" has other members than those that were recorded: the next reply to "+shown+" is sent")
	case replay.Unknown:
		if name == "ready" { // the recorded server was asked before the trace began
			return []byte(`"OK"`), true
		}
		tell.tell(unknownCommands, shown+" was not recorded: the reply is an error")
		return command.ErrorReply(name, "the trace has no such command"), true
	}
	switch {
	case x.Reply == nil:
		tell.tell(unansweredCommands, shown+" got no reply in the trace, and gets none")
		return nil, false
	case x.Reply.Cut:
		tell.tell(cutReplies, shown+": the trace has only the beginning of the reply, so that an error is sent ("+x.Reply.Place()+")")
		return command.ErrorReply(name, "the trace has only the beginning of the reply"), true
	}
	return x.Reply.Body, true
}

// shownName returns the name of a command for people, on one line.
func shownName(name string) string {
	if name == "" {
		return "a message without a command"
	}
	return printable(excerpt.Message(name))
}
