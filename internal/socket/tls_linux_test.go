package socket_test

import (
	"net/netip"
	"os"
	"os/exec"
	"testing"
)

const trusting = "OBE_TEST_TRUSTING"

// The option tls=1 trusts the system's roots. Go reads them once in a process, so the test
// runs in a separate one.
func TestTLSSystemsRoots(t *testing.T) {
	if address := os.Getenv(trusting); address != "" {
		expectTcmd(t, newClient(t, netip.MustParseAddrPort(address), "tls=1"), `1`, `1`)
		return
	}
	a := newAuthority(t)
	s := newServer(t, a.sign(nil).options()...)
	echo(t, s)
	command := exec.Command(os.Args[0], "-test.run=^TestTLSSystemsRoots$", "-test.v")
	command.Env = append(os.Environ(), trusting+"="+s.Addr().String(), "SSL_CERT_FILE="+a.file, "SSL_CERT_DIR=/nowhere", "GORACE=atexit_sleep_ms=0")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
}
