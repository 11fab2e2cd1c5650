//go:build unix

package gateway

import (
	"errors"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/mattn/go-shellwords"
)

// unixSockets says that designers listen on sockets in a directory.
const unixSockets = true

// keeper starts processes that end with this one, if the system can do that.
type keeper struct{ requests chan func() }

// newKeeper begins the thread that starts the processes. On Linux, they are killed when the thread that has started
// them ends, and so it must not end before this process does.
func newKeeper() (keeper, error) {
	k := keeper{make(chan func())}
	go func() {
		runtime.LockOSThread()
		for request := range k.requests {
			request()
		}
	}()
	return k, nil
}

// start starts a process in a group of its own: Ctrl-C at a terminal is for this process, which ends the designers.
func (k keeper) start(process *exec.Cmd) error {
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(process.SysProcAttr)
	done := make(chan error)
	k.requests <- func() { done <- process.Start() }
	return <-done
}

// ended kills what a process that has ended has left in its group.
func (k keeper) ended(process *exec.Cmd) { signalGroup(process, syscall.SIGKILL) }

// terminate asks a process to end.
func (k keeper) terminate(process *exec.Cmd) { signalGroup(process, syscall.SIGTERM) }

// kill ends a process.
func (k keeper) kill(process *exec.Cmd) { signalGroup(process, syscall.SIGKILL) }

// close ends the thread. No process is left.
func (k keeper) close() { close(k.requests) }

func signalGroup(process *exec.Cmd, signal syscall.Signal) {
	_ = syscall.Kill(-process.Process.Pid, signal) // it may have ended
}

// splitCommand splits a command line into words as a shell does, which is not needed for that.
func splitCommand(line string) ([]string, error) {
	parser := shellwords.NewParser()
	words, err := parser.Parse(line)
	if err != nil {
		return nil, errors.New("a quotation mark or a bracket in it has no counterpart")
	}
	if parser.Position >= 0 {
		return nil, errors.New("it is run without a shell, so that ; & | < and > have no meaning; put them into quotes, or call a script")
	}
	return words, nil
}
