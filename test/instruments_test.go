package test

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"libobe/internal/experiment"
)

var brackets = strings.NewReplacer("[", "", "]", "")

// An instrument in each language can talk to obe design with each experiment of the gallery, with the same program for all:
// it learns from the replies how many knobs and parameters there are. Here this test is the measuring device.
func TestGallery(t *testing.T) {
	files, err := filepath.Glob("../examples/experiments/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	obe, lib := library(t, "obe"), library(t, "libobe.so")
	built := func(compiler, source string, args ...string) []string {
		program := filepath.Join(t.TempDir(), "instrument")
		args = slices.Concat(args, []string{"-O1", "-I../include", "-o", program, "instruments/" + source}, against(lib))
		command(t, tool(t, compiler), args...)
		return []string{program}
	}
	for language, instrument := range map[string][]string{
		"C":       built(envOr("CC", "cc"), "instrument.c", strict...),
		"C++":     built(envOr("CXX", "c++"), "instrument.cpp", "-std=c++11", "-Wall", "-Wextra", "-Werror"),
		"LabVIEW": built(envOr("CC", "cc"), "labview.c", strict...),
		"Python":  {envOr("PYTHON", "python3"), "instruments/instrument.py"},
	} {
		for _, file := range files {
			e, err := experiment.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(language+"/"+strings.TrimSuffix(filepath.Base(file), ".toml"), func(t *testing.T) {
				t.Parallel()
				_, at, _ := strings.Cut(startDesigner(t, obe, file), "127.0.0.1:")
				cmd := exec.Command(instrument[0], slices.Concat(instrument[1:], []string{at, "30"})...)
				cmd.Env = append(os.Environ(), "PYTHONPATH=../bindings/python", "OBE_LIBRARY="+lib)
				measureFor(t, cmd, e)
			})
		}
	}
}

// startDesigner starts obe design, and returns its address. It ends at the command done, and otherwise with the test. The
// seed makes its estimates the same each time.
func startDesigner(t *testing.T, obe, file string) (at string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	seeded := filepath.Join(t.TempDir(), filepath.Base(file))
	if err := os.WriteFile(seeded, append([]byte("seed = 1\n"), text...), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(obe, "design", seeded, ":0")
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(hangs, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		if t.Failed() {
			_ = cmd.Process.Kill()
		}
		if err := cmd.Wait(); err != nil && !t.Failed() {
			t.Errorf("the designer: %v", err)
		}
		kill.Stop()
	})
	line, err := bufio.NewReader(stderr).ReadString('\n')
	if err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	_, at, _ = strings.Cut(strings.TrimSpace(line), "listening on ")
	return at
}

// measureFor answers each setting that an instrument prints with what is measured there, and compares its result with the
// true values.
func measureFor(t *testing.T, cmd *exec.Cmd, e *experiment.Experiment) {
	t.Helper()
	cmd.Stderr = os.Stderr
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil || cmd.Start() != nil {
		t.Fatal(err1, err2)
	}
	kill := time.AfterFunc(hangs, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	lines := bufio.NewScanner(stdout)
	next := func(n int) []float64 {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("the instrument has ended: %v", cmd.Wait())
		}
		words := strings.Fields(lines.Text())
		if len(words) != n {
			t.Fatalf("%q has %d numbers, and not %d", lines.Text(), len(words), n)
		}
		values := make([]float64, n)
		for i, word := range words {
			if _, err := fmt.Sscan(word, &values[i]); err != nil {
				t.Fatal(err)
			}
		}
		return values
	}

	random := rand.New(rand.NewPCG(2, 0))
	var truth [][]float64
	for _, p := range e.Parameters {
		truth = append(truth, []float64{p.Prior.Sample(random)})
	}
	for range 30 {
		x := next(len(e.Settings))
		y, s := make([]float64, len(e.Channels)), make([]float64, len(e.Channels))
		for c, channel := range e.Channels {
			e.Predict(c, x, truth, 0, 1, y[c:])
			s[c] = channel.Noise.Std
			if channel.Noise.Kind == experiment.EstimatedNoise {
				s[c] = truth[channel.Noise.Parameter][0]
			}
			y[c] += s[c] * random.NormFloat64()
		}
		if _, err := fmt.Fprintln(stdin, len(y), brackets.Replace(fmt.Sprint(y, s))); err != nil {
			t.Fatal(err)
		}
	}
	mean, std := next(len(e.Parameters)), next(len(e.Parameters))
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	for k, p := range e.Parameters {
		if !(math.Abs(mean[k]-truth[k][0]) <= 5*std[k]) {
			t.Errorf("%s is %v, and the estimate %v ± %v", p.Name, truth[k][0], mean[k], std[k])
		}
	}
}
