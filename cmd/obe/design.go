package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"libobe/internal/experiment"
	"libobe/internal/figure"
	"libobe/internal/socket"
)

// designFlags are the flags of design.
type designFlags struct {
	check, askAhead, stay bool
	plot, record, resume  string
	allow                 string
	tls                   *tlsFlags
	metrics               *metricsFlag
	nats                  recordFlags
}

func newDesign(app *app) *cobra.Command {
	var f designFlags
	cmd := &cobra.Command{
		Use:   "design FILE [ADDRESS]",
		Short: "Be the designer of an experiment that a file describes",
		Long: `Read the file of an experiment: what the instrument can set, what is unknown, and a formula for
what it would measure without noise. It is TOML; docs/reference/experiment.md describes it. Then
listen, and answer the commands of the protocol: where to measure next, and what the measurements
tell about the unknown numbers. It ends after it has answered done, unless --stay is given, or at
a signal.

newrun begins a run: it forgets the measurements, and its members replace numbers of the file, as
in {"command": "newrun", "particles": 20000, "centre.min": 2.5}. Measurements before the first
newrun belong to a run with the numbers of the file. A command that cannot be executed is answered
with {"error": "...", "command": "..."}. The command describe answers names, units and ranges, and
whether the posterior can be trusted; if not, getstd is larger, and the reason is printed here.

--record writes each message to a trace, and whether the posterior can be trusted; obe watch shows
it. After a crash, --resume with that file restores the last run of it, and --record with the same
file continues it. If the file has a seed, the posterior is exactly what it was. The file may have
other parameters than then, but needs the same knobs and channels.

` + recordHelp + ` If it has no run, this is the first one.

--check prints what was understood, as a table. If the file has mistakes, each is told with its
line, its column and what would be right, and the exit status is 2.

--plot draws what the model predicts before the first measurement, over each knob with the others
at the middle of their values: the median, the ranges of 68 and 95 % of the predictions, and a few
single ones. FIGURE ends in .svg or .png.

` + addressHelp + ` With :0 the system chooses
the port, and the address is printed.`,
		Example: `  obe design experiment.toml
  obe design experiment.toml --record run.jsonl --resume run.jsonl
  obe design --check experiment.toml --plot predictions.svg`,
		DisableFlagsInUseLine: true,
		Args:                  cobra.RangeArgs(1, 2),
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.check, "check", false, "check the file and print what was understood")
	flags.StringVar(&f.plot, "plot", "", "with --check: draw the predictions to `FIGURE`, which ends in .svg or .png")
	flags.BoolVar(&f.askAhead, "ask-ahead", false, "compute the next setting after each measurement, before the instrument asks for it")
	flags.StringVar(&f.record, "record", "", "append every message to the trace `FILE`")
	flags.StringVar(&f.resume, "resume", "", "begin with what the last run in the trace `FILE` knew")
	flags.BoolVar(&f.stay, "stay", false, "do not end after the command done")
	flags.StringVar(&f.allow, "allow", "", "accept connections from these `ADDRESSES` only, such as 127.0.0.1,192.168.1.0/24")
	f.metrics = addMetricsFlag(flags)
	f.tls = addTLSFlags(flags, "", socket.RoleServer)
	f.nats = addRecordFlags(flags, "nats-")
	for _, serving := range []string{"ask-ahead", "record", "resume", "stay", "allow", "metrics"} {
		cmd.MarkFlagsMutuallyExclusive("check", serving)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		for _, flag := range []string{"plot", "record", "resume"} {
			if err := noEmptyPath(cmd, flag); err != nil {
				return err
			}
		}
		if f.check {
			if len(args) > 1 {
				return usage(errors.New("--check only reads the file, and has no ADDRESS"))
			}
			return f.understand(app, cmd, args[0])
		}
		if f.plot != "" {
			return usage(errors.New("--plot is for --check"))
		}
		at, err := optionalAddress(args[1:])
		if err != nil {
			return err
		}
		if err := f.nats.check(cmd, f.resume); err != nil {
			return err
		}
		return f.serve(app, cmd.CommandPath(), args[0], at)
	}
	return cmd
}

// understand checks a file.
func (f *designFlags) understand(app *app, cmd *cobra.Command, path string) error {
	var format figure.Format
	if f.plot != "" {
		var err error
		if format, err = figure.FormatOf(f.plot); err != nil {
			return usage(fmt.Errorf("--plot: %w", err))
		}
	}
	e, err := experiment.Load(path)
	if err != nil {
		return usage(experimentError(path, err))
	}
	if _, err := app.stdout.Write(understood(e)); err != nil {
		return err
	}
	tellNotFinite(newEvents(app.stderr, cmd.CommandPath()), path, e)
	if f.plot == "" {
		return nil
	}
	draw := func(w io.Writer) error { return figure.Predictions(w, format, e, e.Seed) }
	if err := writeFigure(f.plot, draw); err != nil {
		return &exit{exitAnswer, fmt.Errorf("--plot: %w", err)}
	}
	return nil
}

// tellNotFinite says which share of a model's predictions has no value.
func tellNotFinite(tell *events, path string, e *experiment.Experiment) {
	for i, share := range e.NotFinite(e.Seed) {
		switch {
		case share == 1:
			tell.say("%s: model.%s was infinite or not a number at all settings and guesses that were tried", path, e.Channels[i].Name)
		case share > 0: // 99 % is the most that does not look like all
			tell.say("%s: model.%s is infinite or not a number for about %.2g %% of the settings and guesses, which are then impossible", path, e.Channels[i].Name, min(100*share, 99))
		}
	}
}

// experimentError is an error of Load. A mistake in the file says where it is.
func experimentError(path string, err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return fmt.Errorf("cannot read the experiment %s: %w", path, of.Err)
	}
	return err
}

// checkFigure finds out whether a figure can be written, before what it shows is measured.
func checkFigure(path string) error {
	info, err := os.Stat(path)
	isNew := errors.Is(err, fs.ErrNotExist)
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil // to open a pipe and to close it might end its reader
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil || !isNew {
		return err
	}
	return os.Remove(path)
}

// writeFigure writes a figure to a file. A figure that exists is replaced when the new one is complete: one that cannot be
// drawn or written leaves it as it was.
func writeFigure(path string, draw func(io.Writer) error) error {
	var figure bytes.Buffer
	if err := draw(&figure); err != nil {
		return err
	}
	if at, err := filepath.EvalSymlinks(path); err == nil {
		path = at // what a link leads to is replaced, and not the link
	}
	mode := fs.FileMode(0o666)
	if info, err := os.Stat(path); err == nil {
		if !info.Mode().IsRegular() { // a pipe or a device
			return os.WriteFile(path, figure.Bytes(), mode)
		}
		mode = info.Mode().Perm()
	}
	file, err := os.OpenFile(fmt.Sprintf("%s.%d.tmp", path, os.Getpid()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil { // the directory may refuse new files
		return os.WriteFile(path, figure.Bytes(), mode)
	}
	_, err = file.Write(figure.Bytes())
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}

// understood is an experiment as tables for people.
func understood(e *experiment.Experiment) []byte {
	knobs := grid{header: []string{"knob", "from", "to", "values", "unit", "description"}, columns: make([][]string, 6)}
	parameters := grid{header: []string{"parameter", "prior", "unit", "description"}, columns: make([][]string, 4)}
	channels := grid{header: []string{"channel", "noise", "unit", "description"}, columns: make([][]string, 4)}
	constants := grid{header: []string{"constant", "value"}, columns: make([][]string, 2)}
	settings := 1
	for _, s := range e.Settings {
		settings *= len(s.Values)
		knobs.add(s.Name, number(s.Min), number(s.Max), spacing(&s), s.Unit, s.Description)
	}
	for _, p := range e.Parameters {
		parameters.add(p.Name, priorText(p.Prior), p.Unit, p.Description)
	}
	for _, c := range e.Channels {
		channels.add(c.Name, noiseText(e, c.Noise), c.Unit, c.Description)
	}
	for _, c := range e.Constants {
		constants.add(c.Name, number(c.Value))
	}
	parts := []string{}
	if e.Title != "" {
		parts = append(parts, printable(e.Title))
	}
	for _, g := range []grid{knobs, parameters, channels, constants} {
		if len(g.columns[0]) > 0 {
			text, _ := g.format(false)
			parts = append(parts, string(text))
		}
	}
	seed := "a new seed for each run"
	if e.HasSeed {
		seed = fmt.Sprintf("seed %d", e.Seed)
	}
	parts = append(parts, fmt.Sprintf("%s, %s, %s, %s for each, pickiness %s", plural(settings, "setting"),
		plural(e.Particles, "particle"), seed, plural(e.Design.Draws, "draw"), number(e.Design.Pickiness)))
	return []byte(strings.Join(parts, "\n\n") + "\n")
}

// add adds a row of texts.
func (g *grid) add(texts ...string) {
	for i, text := range texts {
		g.columns[i] = append(g.columns[i], printable(text))
	}
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func spacing(s *experiment.Setting) string {
	switch {
	case s.Listed:
		return fmt.Sprintf("%d, listed", len(s.Values))
	case s.Logarithmic:
		return fmt.Sprintf("%d, logarithmic", len(s.Values))
	}
	return fmt.Sprintf("%d, linear", len(s.Values))
}

func priorText(p *experiment.Prior) string {
	low, high := p.Bounds()
	mean, std := p.MeanStd()
	text := string(p.Kind())
	switch p.Kind() {
	case experiment.List:
		return text + " of " + plural(len(p.Values()), "value") + bounds(low, high)
	case experiment.Normal:
		return text + " " + number(mean) + " ± " + number(std) + bounds(low, high)
	case experiment.HalfNormal:
		return text + ", std " + number(std)
	}
	return text + bounds(low, high)
}

func bounds(low, high float64) (text string) {
	if !math.IsInf(low, 0) {
		text = " from " + number(low)
	}
	if !math.IsInf(high, 0) {
		text += " to " + number(high)
	}
	return text
}

func noiseText(e *experiment.Experiment, n experiment.Noise) string {
	switch n.Kind {
	case experiment.EstimatedNoise:
		return "the parameter " + e.Parameters[n.Parameter].Name
	case experiment.ReportedNoise:
		return "as reported, " + number(n.Std) + " before"
	}
	return number(n.Std)
}
