package main

import (
	"bufio"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"

	"libobe/internal/experiment"
)

//go:embed original.py
var program string

// An original is a process that runs optbayesexpt.
type original struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	version versions
}

type versions struct {
	Original string `json:"optbayesexpt"`
	Numpy    string `json:"numpy"`
}

// start starts optbayesexpt, from a checkout, for an experiment.
func (s *studied) start(python, checkout string) (*original, error) {
	o := &original{command: exec.Command(python, "-c", program)}
	// One thread for each process: the study uses the cores for several runs.
	o.command.Env = append(os.Environ(), "PYTHONPATH="+checkout, "OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1", "MPLBACKEND=Agg")
	o.command.Stderr = os.Stderr
	var err error
	if o.in, err = o.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := o.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	o.out = bufio.NewReader(out)
	if err := o.command.Start(); err != nil {
		return nil, fmt.Errorf("start Python for optbayesexpt: %w", err)
	}
	description := struct {
		experiment.Description
		File   string      `json:"file"`
		Values [][]float64 `json:"values"`
	}{s.Describe(), s.File, s.Knobs()}
	if err := o.ask(description, &o.version); err != nil {
		o.end()
		return nil, fmt.Errorf("optbayesexpt from %q with %s: %w; numpy must be installed there", checkout, python, err)
	}
	return o, nil
}

func (o *original) ask(question, answer any) error {
	text, err := json.Marshal(question)
	if err != nil {
		return err
	}
	if _, err := o.in.Write(append(text, '\n')); err != nil {
		return err
	}
	line, err := o.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read its answer: %w", err)
	}
	return json.Unmarshal(line, answer)
}

// end ends the process.
func (o *original) end() {
	o.in.Close()
	o.command.Wait()
}

// run makes the measurements of a sample, beginning with the given particles.
func (o *original) run(of *sample, seed uint64, particles [][]float64) (outcome, error) {
	var bytes []byte
	for _, values := range particles {
		for _, v := range values {
			bytes = binary.NativeEndian.AppendUint64(bytes, math.Float64bits(v))
		}
	}
	var reply struct {
		Mean, Std []float64
		Failed    string
	}
	err := o.ask(map[string]any{
		"truth": of.truth, "noise": of.noise, "particles": bytes, "seed": seed<<32 + of.number,
	}, &reply)
	return outcome{Mean: reply.Mean, Std: reply.Std, Failed: reply.Failed, Trusted: true}, err
}
