package socket_test

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"libobe/internal/systemtest"
)

const inherited = "OBE_TEST_INHERITED"

// A program whose file has a capability, here that for low ports, ignores the variables of
// the trace in its environment. Any other program uses them.
func TestTraceOfPrivilegedProgram(t *testing.T) {
	if want, asked := os.LookupEnv(inherited); asked {
		got, err := newServer(t).Option("trace")
		must(t, err)
		if got != want {
			t.Errorf("the trace is %q, want %q", got, want)
		}
		return
	}
	if os.Getuid() != 0 {
		t.Skip("only root can set a capability of a file")
	}
	dir := systemtest.TempDir(t)
	must(t, os.Chmod(dir, 0o755))
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	program := filepath.Join(dir, "program")
	text, err := os.ReadFile(os.Args[0])
	must(t, err)
	must(t, os.WriteFile(program, text, 0o755))
	const trace = "/nowhere/trace.jsonl"
	run := func(want string) {
		t.Helper()
		command := exec.Command(program, "-test.run=^TestTraceOfPrivilegedProgram$", "-test.v")
		command.Dir = "/"
		command.Env = append(os.Environ(), inherited+"="+want, "OBE_TRACE="+trace, "GORACE=atexit_sleep_ms=0")
		const otherUser = 65534
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: otherUser, Gid: otherUser}}
		if output, err := command.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, output)
		}
	}
	run(trace)
	// struct vfs_cap_data: version 2, effective; then what is permitted and inheritable.
	const version, effective, lowPorts = 0x02000000, 1, 1 << 10
	capability := binary.LittleEndian.AppendUint32(nil, version|effective)
	capability = binary.LittleEndian.AppendUint32(capability, lowPorts)
	capability = append(capability, make([]byte, 12)...)
	must(t, syscall.Setxattr(program, "security.capability", capability, 0))
	run("")
}
