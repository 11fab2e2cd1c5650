package gateway

import (
	"fmt"
	"os/exec"
	"unsafe"

	"golang.org/x/sys/windows"
)

// unixSockets says that designers listen on ports.
const unixSockets = false

// keeper starts processes in a job, which the system ends together with this process.
type keeper struct{ job windows.Handle }

func newKeeper() (keeper, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return keeper{}, fmt.Errorf("create a job: %w", err)
	}
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{}
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	if _, err := windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits))); err != nil {
		windows.CloseHandle(job)
		return keeper{}, fmt.Errorf("configure a job: %w", err)
	}
	return keeper{job}, nil
}

// start starts a process, and puts it into the job.
func (k keeper) start(process *exec.Cmd) error {
	process.SysProcAttr = &windows.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
	if err := process.Start(); err != nil {
		return err
	}
	handle, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(process.Process.Pid))
	if err == nil {
		err = windows.AssignProcessToJobObject(k.job, handle)
		windows.CloseHandle(handle)
	}
	if err != nil {
		_ = process.Process.Kill()
		_ = process.Wait()
		return fmt.Errorf("put the process into a job: %w", err)
	}
	return nil
}

// ended does nothing: what a process has left ends with the job.
func (k keeper) ended(*exec.Cmd) {}

// terminate ends a process. Windows cannot ask one without a window to end.
func (k keeper) terminate(process *exec.Cmd) { k.kill(process) }

// kill ends a process.
func (k keeper) kill(process *exec.Cmd) { _ = process.Process.Kill() }

// close ends the job, and with it what is left of its processes.
func (k keeper) close() { windows.CloseHandle(k.job) }

// splitCommand splits a command line into words as programs of Windows do.
func splitCommand(line string) ([]string, error) {
	words, err := windows.DecomposeCommandLine(line)
	if err != nil {
		return nil, fmt.Errorf("it cannot be split into words: %w", err)
	}
	return words, nil
}
