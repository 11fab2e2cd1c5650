package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"libobe/internal/jsondoc"
	"libobe/internal/socket"
	"libobe/internal/transport"
	"libobe/internal/wire"
)

// The exit statuses. Those of signals are 128 and the number of the signal.
const (
	exitOK        = 0
	exitAnswer    = 1 // the server answered with an error or something unexpected
	exitUsage     = 2
	exitNoAnswer  = 3 // no server, or no answer in time
	exitInterrupt = 130
	exitTerminate = 143
	exitPipe      = 141 // the reader of the standard output has ended
)

// exit is how a subcommand ends: its status, and the sentence for stderr, if there is one.
type exit struct {
	status int
	err    error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprint("exit status ", e.status)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// verdict is an exit that also holds after a signal: of a subcommand that judges what came
// until it was ended. It does not hold when the standard output failed.
type verdict struct{ *exit }

func (v *verdict) Unwrap() error { return v.exit }

// usage is the exit of a command line that is not valid.
func usage(err error) error { return &exit{exitUsage, err} }

// noEmptyPath refuses an empty value of a flag that names a file, as in --out "$RUN" with a
// variable that is not set: it is not the same as no flag.
func noEmptyPath(cmd *cobra.Command, flag string) error {
	if f := cmd.Flags().Lookup(flag); f.Changed && f.Value.String() == "" {
		return usage(fmt.Errorf("--%s is empty, and needs the name of a file", flag))
	}
	return nil
}

// app is what subcommands share: the streams, and what ends them.
type app struct {
	stdin  io.Reader
	stdout *output
	stderr io.Writer

	// ctx ends at a signal, and when the standard output is closed. The cause is an *exit.
	ctx  context.Context
	stop context.CancelCauseFunc

	// Whether people read the streams, at a terminal.
	terminal, terminalErr bool

	// sockets are those that may write a trace, because OBE_TRACE is set.
	sockets []socket.Socket
	colour  bool // on stderr
}

func newApp(stdin io.Reader, stdout, stderr io.Writer) *app {
	a := &app{stdin: stdin, stderr: stderr}
	a.ctx, a.stop = context.WithCancelCause(context.Background())
	a.stdout = &output{to: stdout, failed: a.stop}
	a.terminal, a.terminalErr = isTerminal(stdout), isTerminal(stderr)
	// An old console of Windows prints colours as they are written.
	plain := os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" || runtime.GOOS == "windows" && os.Getenv("WT_SESSION") == ""
	a.colour = a.terminalErr && !plain
	return a
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// run executes a command line and returns the exit status.
func (a *app) run(args []string) int {
	root := newRoot(a)
	root.SetArgs(args)
	ran, err := root.ExecuteContextC(a.ctx)
	a.tellTraceErrors(ran.CommandPath())
	// A signal, or a failed output, is why the subcommand failed.
	if cause := context.Cause(a.ctx); cause != nil && (!errors.As(err, new(*verdict)) || isOutputFailure(cause)) {
		err = cause
	}
	if err == nil {
		return exitOK
	}
	ended := &exit{exitUsage, plainError(ran, err)} // cobra's own errors are about the command line
	errors.As(err, &ended)
	if ended.err != nil {
		who := ran.CommandPath() + ":"
		if a.colour {
			who = "\x1b[1;31m" + who + "\x1b[0m"
		}
		fmt.Fprintln(a.stderr, who, printableLines(ended.err.Error()))
	}
	return ended.status
}

// tellTraceErrors says if the trace that OBE_TRACE names is not complete. The library does not
// fail for that, and nothing else tells the user.
func (a *app) tellTraceErrors(prefix string) {
	tell := newEvents(a.stderr, prefix)
	for _, s := range a.sockets {
		if text, err := s.Option("trace_error"); err == nil && text != "" {
			tell.say("%s", text)
		}
	}
}

// output is the standard output. Write may be called from several goroutines.
//
// One that is closed when the program begins (>&-) is /dev/null: Go's runtime opens that for reading and writing, as
// programs do that want no output of obe, such as Python's subprocess.DEVNULL. So it is no failure.
type output struct {
	mu     sync.Mutex
	to     io.Writer
	failed context.CancelCauseFunc
}

// Write writes to the standard output. A failure ends the program, with its reason, so the
// caller does not get it as well.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, err := o.to.Write(p)
	if isClosedPipe(err) {
		o.failed(&exit{status: exitPipe})
	} else if err != nil {
		o.failed(&exit{exitAnswer, fmt.Errorf("cannot write the result: %w", err)})
	}
	return len(p), nil
}

// isOutputFailure reports whether a cause of the end of the program is from output, and not a
// signal, which has no sentence.
func isOutputFailure(cause error) bool {
	var e *exit
	return errors.As(cause, &e) && (e.status == exitPipe || e.err != nil)
}

// lossy is the standard output of a program that continues when something cannot be written
// there, such as on a full disk. The end of a reader ends that program, too.
type lossy struct{ *output }

func (l lossy) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.to.Write(p)
	if isClosedPipe(err) {
		l.failed(&exit{status: exitPipe})
	}
	return n, err
}

// isClosedPipe reports whether an error of Write means that the reader has ended.
func isClosedPipe(err error) bool {
	const windowsBrokenPipe, windowsNoData = syscall.Errno(109), syscall.Errno(232)
	return errors.Is(err, syscall.EPIPE) ||
		runtime.GOOS == "windows" && (errors.Is(err, windowsBrokenPipe) || errors.Is(err, windowsNoData))
}

// untilStopped cancels what is in flight on sockets when the program has to end. The
// returned function ends that.
func (a *app) untilStopped(sockets ...socket.Socket) (release func() bool) {
	return context.AfterFunc(a.ctx, func() {
		for _, s := range sockets {
			s.Free()
		}
	})
}

// failure is the exit for an error of the library: its sentence, and what to try.
func failure(err error, try ...string) error {
	if err == nil {
		return nil
	}
	var syntax *jsondoc.SyntaxError
	status := exitNoAnswer
	switch {
	case errors.Is(err, transport.ErrAddress), errors.Is(err, socket.ErrArgument):
		status = exitUsage
	case errors.Is(err, transport.ErrInUse):
		status = exitUsage
		try = append(try, "another program uses that port: end it, or let the system choose a port with :0")
	case errors.Is(err, transport.ErrTLS):
		try = append(try, "compare the --tls flags with the settings of the other side")
	case errors.As(err, &syntax), errors.Is(err, wire.ErrMalformed), errors.Is(err, wire.ErrTooLarge):
		status = exitAnswer
	case errors.Is(err, transport.ErrRefused):
		try = append(try, "start the server, or compare host and port with those that it prints")
	case errors.Is(err, socket.ErrPeerClosed), errors.Is(err, wire.ErrIncomplete), errors.Is(err, transport.ErrReset):
		try = append(try, "the server ended the connection: look at its own output for the reason")
	case errors.Is(err, transport.ErrUnreachable):
		try = append(try, "compare the name of the host, and look for a firewall")
	}
	text := toolWords.Replace(err.Error())
	for _, operation := range []string{"tcmd ", "wait_ready "} {
		text = strings.TrimPrefix(text, operation)
	}
	return &exit{status, errors.New(strings.Join(append([]string{text}, try...), "\n  "))}
}

// toolWords replaces what sentences of the library say about functions and options.
var toolWords = strings.NewReplacer(append([]string{
	"; use wait_ready to wait for one that is starting", "",
	"set the option persistent to 0", "leave out --persistent",
	"max_message", "--max-message",
}, tlsWords()...)...)
