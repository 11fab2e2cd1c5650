// Command obe is what a person or a script uses around a conversation of the protocol: ask
// a server, stand in for one, record a run and replay it.
//
// It is not a second implementation of anything: each subcommand is one file that connects
// flags and texts with a package of internal, and none of it is linked into the library.
//
// The one thing to know first: a subcommand writes results to app.stdout and everything
// else to app.stderr, and returns an *exit, which is the exit status and what to print.
// Signals end its context; app.go has the statuses.
package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// grace is how long a subcommand has to finish its files after a signal.
const grace = 150 * time.Millisecond

func main() {
	// A closed standard output is then an error of Write, which app.stdout remembers.
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // by nohup
		signal.Notify(signals, syscall.SIGHUP)
	}

	app := newApp(os.Stdin, os.Stdout, os.Stderr)
	go func() {
		status := signalStatus(<-signals)
		app.stop(&exit{status: status})
		select {
		case <-signals:
		case <-time.After(grace):
		}
		os.Exit(status)
	}()
	os.Exit(app.run(os.Args[1:]))
}

// signalStatus is the exit status that a shell reports for a program that a signal ended.
func signalStatus(s os.Signal) int {
	if number, ok := s.(syscall.Signal); ok {
		return 128 + int(number)
	}
	return exitInterrupt
}
