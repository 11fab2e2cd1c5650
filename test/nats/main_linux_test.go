package nats

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// obeProgram is the tool under test.
var obeProgram string

func TestMain(m *testing.M) {
	if os.Getenv(peerVariable) != "" {
		os.Exit(peerMain())
	}
	flag.Parse()
	if err := build(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// build builds the tool into the build directory, if it is not up to date there.
func build() error {
	directory, err := filepath.Abs(cmp.Or(os.Getenv("BUILD"), "../../build"))
	if err != nil {
		return err
	}
	obeProgram = filepath.Join(directory, "nats", "obe")
	cmd := exec.Command(cmp.Or(os.Getenv("GO"), "go"), "build", "-buildvcs=false", "-o", obeProgram, "./cmd/obe")
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build ./cmd/obe: %w\n%s", err, out)
	}
	return nil
}
