package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"libobe/internal/command"
	"libobe/internal/experiment"
	"libobe/internal/figure"
	"libobe/internal/simulate"
	"libobe/internal/socket"
	"libobe/internal/transport"
)

// maxDeviation is how far an estimate may be from the true value, in its own standard deviations. By chance it is farther once
// in 1.7 million.
const maxDeviation = 5

// maxMeasurements bounds the memory that the measurements take.
const maxMeasurements = 1_000_000

// simulateFlags are the flags of simulate.
type simulateFlags struct {
	given               []string
	seed                int64
	measurements        int
	compare, persistent bool
	dwell, timeout      time.Duration
	drops, outliers     share
	stall               time.Duration
	plot                string
	tls                 *tlsFlags
	metrics             *metricsFlag
}

func newSimulate(app *app) *cobra.Command {
	f := simulateFlags{timeout: 60 * time.Second}
	cmd := &cobra.Command{
		Use:   "simulate FILE [ADDRESS]",
		Short: "Be the instrument of an experiment that a file describes",
		Long: `Read the file of an experiment, and play its instrument with a designer that runs at ADDRESS: obe
design with the same file, or any server with that experiment. True values are drawn from the
priors, or given with --true. The instrument begins a run with newrun, which ends the one that the
designer has, and then asks for a setting, computes what it would measure there, adds the noise of
the file, and reports it, again and again. The designer does not know the true values.

At the end, or when a signal such as that of Ctrl-C ends the run, a table has the truth, the
estimate, its standard deviation, and how many of these they are apart. The exit status is 1 if
an estimate is more than 5 standard deviations off. If the designer says that its estimates cannot
be trusted, its reasons are printed.

Equal seeds give equal runs: the seed is printed, and obe design gets it with newrun.

--compare measures the same sample first at evenly spaced settings, in a run of its own, with as
many measurements. So the run that remains in the designer is that of the settings it has chosen.
If a change of the settings has a cost in the file, a line says how long each run takes.

Faults of an instrument, to see what becomes of the estimates:
--drop: after this share of the requests for a setting and of the reports, the connection is cut
before the reply is read. The instrument asks again for a setting. It does not repeat a report,
which might count twice. A server of optbayesexpt may end then.
--stall: once, in the middle of the report halfway through the run, the instrument stops for this
time. If the server has closed the connection in the meantime, the report is sent again.
--outlier: this share of the measured values is wrong, by up to 30 standard deviations.

--plot draws what was measured and estimated, for an experiment with one knob or two: the measured
values, with the true and the estimated curve, or, of two knobs, where the settings were; which
settings were measured when; and how the standard deviations became smaller. FIGURE ends in .svg or
.png.

` + addressHelp,
		Example: `  obe design experiment.toml & obe simulate experiment.toml
  obe simulate experiment.toml --true centre=2.3 --measurements 50 --seed 1
  obe simulate experiment.toml --compare --plot run.svg
  obe simulate experiment.toml --drop 1% --outlier 0.5%`,
		DisableFlagsInUseLine: true,
		Args:                  cobra.RangeArgs(1, 2),
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.given, "true", nil, "the true value of a parameter, as `NAME=VALUE`; may be repeated")
	flags.Int64Var(&f.seed, "seed", 0, "where the random numbers begin; without it each run differs")
	flags.IntVar(&f.measurements, "measurements", 200, "the number of measurements")
	flags.Var((*duration)(&f.dwell), "dwell", "how long a measurement takes, such as 20ms; a number alone is in seconds; times the cost of a change of the settings")
	flags.BoolVar(&f.compare, "compare", false, "measure the same sample at evenly spaced settings, too")
	flags.Var(&f.drops, "drop", "cut the connection before the reply to this share of the commands, such as 1%")
	flags.Var((*duration)(&f.stall), "stall", "stop once in the middle of a message, for so long")
	flags.Var(&f.outliers, "outlier", "how many of the measured values are wrong, such as 0.5%")
	flags.StringVar(&f.plot, "plot", "", "draw the run to `FIGURE`, which ends in .svg or .png")
	flags.Var((*duration)(&f.timeout), "timeout", "how long to wait for each reply, such as 500ms, 30s or 2m; a number alone is in seconds")
	flags.BoolVar(&f.persistent, "persistent", false, "keep the connection from one command to the next: only for servers built on libobe")
	f.metrics = addMetricsFlag(flags)
	f.tls = addTLSFlags(flags, "", socket.RoleClient)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := noEmptyPath(cmd, "plot"); err != nil {
			return err
		}
		if !flags.Changed("seed") {
			f.seed = rand.Int64N(1_000_000)
		}
		at, err := optionalAddress(args[1:])
		if err != nil {
			return err
		}
		s, err := f.prepare(cmd.CommandPath(), args[0])
		if err != nil {
			return usage(err)
		}
		return s.run(app, at)
	}
	return cmd
}

// simulating is obe simulate while it measures.
type simulating struct {
	*simulateFlags
	path   string // of the experiment
	format figure.Format
	config simulate.Config
	prefix string
	tell   *events
	line   *statusLine // nil unless people read stderr at a terminal
	shown  time.Time   // when the line was set last
}

// prepare checks the command line.
func (f *simulateFlags) prepare(prefix, path string) (*simulating, error) {
	if f.measurements < 1 || f.measurements > maxMeasurements {
		return nil, fmt.Errorf("--measurements must be from 1 to %d, and not %d", maxMeasurements, f.measurements)
	}
	if f.seed < 0 {
		return nil, fmt.Errorf("--seed must be a whole number from 0, and not %d", f.seed)
	}
	if f.stall > 0 && f.tls.used() {
		return nil, errors.New("--stall works without TLS only")
	}
	e, err := experiment.Load(path)
	if err != nil {
		return nil, experimentError(path, err)
	}
	s := &simulating{simulateFlags: f, path: path, prefix: prefix}
	if f.plot != "" {
		if s.format, err = figure.FormatOf(f.plot); err != nil {
			return nil, fmt.Errorf("--plot: %w", err)
		}
		if f.measurements > figure.MaxMeasurements {
			return nil, fmt.Errorf("--plot draws at most %d measurements, and not %d", figure.MaxMeasurements, f.measurements)
		}
		if knobs := len(e.Settings); knobs > figure.MaxKnobs {
			return nil, fmt.Errorf("--plot draws experiments with one knob or two, and %s has %d", path, knobs)
		}
	}
	given, err := parseTrue(f.given)
	if err != nil {
		return nil, err
	}
	truth, err := simulate.Truth(e, given, uint64(f.seed))
	if err != nil {
		return nil, fmt.Errorf("--true: %w", err)
	}
	if f.plot != "" {
		if err := checkFigure(f.plot); err != nil {
			return nil, fmt.Errorf("--plot: %w", err)
		}
	}
	s.config = simulate.Config{
		Experiment: e, Truth: truth, Seed: uint64(f.seed), Measurements: f.measurements, Dwell: f.dwell,
		Faults:  simulate.Faults{Outliers: float64(f.outliers), Drops: float64(f.drops), Stall: f.stall},
		History: f.plot != "",
	}
	return s, nil
}

// parseTrue reads the values of --true.
func parseTrue(texts []string) (map[string]float64, error) {
	given := map[string]float64{}
	for _, text := range texts {
		name, value, found := strings.Cut(text, "=")
		number, err := strconv.ParseFloat(value, 64)
		_, again := given[name]
		switch {
		case !found || name == "":
			return nil, fmt.Errorf("--true %s: a true value is written NAME=VALUE, such as centre=2.3", printable(text))
		case err != nil || math.IsNaN(number) || math.IsInf(number, 0):
			return nil, fmt.Errorf("--true %s: %q is not a finite number", printable(text), value)
		case again:
			return nil, fmt.Errorf("--true: %s is given twice", printable(name))
		}
		given[name] = number
	}
	return given, nil
}

// run measures, and prints the result.
func (s *simulating) run(app *app, at address) error {
	stderr := io.Writer(app.stderr)
	if app.terminalErr {
		s.line = &statusLine{to: app.stderr}
		stderr = s.line
		s.config.Measured = s.show
	}
	s.tell = newEvents(stderr, s.prefix)
	numbers, err := s.metrics.open(app, s.tell, "simulate", map[string]address{"ADDRESS": at})
	if err != nil {
		return err
	}
	defer numbers.close()
	client, err := newClient(app, at, s.tls)
	if err != nil {
		return err
	}
	defer client.Free()
	numbers.Socket(client, socket.RoleClient)
	s.config.Measured = numbers.simulated(s.config.Measured)
	numbers.serve()
	if s.persistent {
		if err := client.SetOption("persistent", "1"); err != nil {
			return failure(err)
		}
	}
	designer, err := simulate.Connect(app.ctx, client, s.config.Experiment, s.timeout)
	if err != nil {
		return s.failure(err)
	}
	s.begin(client.Address(), designer)
	defer s.erase()
	ways := []simulate.Way{simulate.Chosen}
	if s.compare {
		ways = []simulate.Way{simulate.Even, simulate.Chosen}
	}
	var runs []figure.Simulated
	for _, way := range ways {
		r, err := s.config.Run(app.ctx, designer, way)
		if err != nil {
			if app.ctx.Err() != nil {
				s.interrupted(app, at, designer, r, runs)
			}
			return s.failure(err)
		}
		runs = append(runs, figure.Simulated{Run: r, Guesses: s.guesses(r)})
		s.tellFaults(r)
	}
	s.erase()
	slices.Reverse(runs) // that of the designer first
	if _, err := app.stdout.Write(s.result(runs)); err != nil {
		return err
	}
	if s.plot != "" {
		draw := func(w io.Writer) error {
			return figure.Simulation(w, s.format, s.config.Experiment, s.config.Truth, runs)
		}
		if err := writeFigure(s.plot, draw); err != nil {
			return &exit{exitAnswer, fmt.Errorf("--plot: %w", err)}
		}
	}
	return s.verdict(runs)
}

// interruptTime is how long the designer has for its estimates after a signal: less than grace.
const interruptTime = 100 * time.Millisecond

// interrupted prints the results until a signal, which has ended the client. runs are complete, and r is not.
func (s *simulating) interrupted(app *app, at address, designer *simulate.Designer, r *simulate.Run, runs []figure.Simulated) {
	s.erase()
	if n := len(r.X); n > 0 {
		s.tell.say("%s: ended after %d of %s", r.Way, n, plural(s.measurements, "measurement"))
		if err := s.finish(at, designer, r); err != nil {
			s.tell.say("%s: no estimates: %v", r.Way, s.failure(err))
		} else {
			runs = append(runs, figure.Simulated{Run: r})
		}
	}
	if len(runs) == 0 {
		return
	}
	slices.Reverse(runs)
	_, _ = app.stdout.Write(s.result(runs)) // the signal is why the program ends
}

// finish asks for the estimates over a client of its own.
func (s *simulating) finish(at address, designer *simulate.Designer, r *simulate.Run) error {
	client, err := socket.NewClient(at.host, at.port)
	if err != nil {
		return err
	}
	defer client.Free()
	if err := s.tls.apply(client); err != nil {
		return err
	}
	defer time.AfterFunc(interruptTime, client.Free).Stop()
	return r.Finish(designer.Over(client, interruptTime))
}

// guesses are what the posterior at the end of a run is drawn from. Without them the figure has the mean only.
func (s *simulating) guesses(r *simulate.Run) [][]float64 {
	if s.plot == "" {
		return nil
	}
	guesses, err := r.Guesses(figure.Guesses)
	if err != nil {
		s.tell.say("the figure has no range of what is estimated: %v", err)
		for _, mean := range r.Mean {
			guesses = append(guesses, []float64{mean})
		}
	}
	return guesses
}

// begin says what is simulated, and what is not as it should be.
func (s *simulating) begin(at string, designer *simulate.Designer) {
	e := s.config.Experiment
	var texts []string
	for k, p := range e.Parameters {
		texts = append(texts, strings.TrimSpace(fmt.Sprintf("%s %s %s", p.Name, number(s.config.Truth[k]), p.Unit)))
	}
	s.tell.say("seed %d, true values: %s", s.seed, strings.Join(texts, ", "))
	for _, k := range simulate.Impossible(e, s.config.Truth) {
		s.tell.say("the prior of %s excludes %s, so that the designer cannot find it", e.Parameters[k].Name, number(s.config.Truth[k]))
	}
	if !designer.Described() {
		s.tell.say("%s does not say what its experiment is, so that only the numbers of knobs and parameters were compared with %s", at, s.path)
	}
}

// erase leaves the line to what follows.
func (s *simulating) erase() {
	if s.line != nil {
		s.line.set("")
	}
}

// show shows the progress of a run, at most every lookInterval.
func (s *simulating) show(r *simulate.Run) error {
	if n := len(r.X); n < s.measurements && time.Since(s.shown) < lookInterval {
		return nil
	}
	mean, std, err := r.Estimate()
	if err != nil {
		return err
	}
	untrusted, err := r.Untrusted()
	if err != nil {
		return err
	}
	s.shown = time.Now()
	var texts []string
	for k, p := range s.config.Experiment.Parameters {
		texts = append(texts, strings.TrimSpace(fmt.Sprintf("%s %s %s", p.Name, estimate(mean[k], std[k]), p.Unit)))
	}
	not := ""
	if untrusted {
		not = " (not trusted)" // before the estimates, which may be wider than the terminal
	}
	s.line.set(fmt.Sprintf("%s, %d of %d%s: %s", r.Way, len(r.X), s.measurements, not, strings.Join(texts, ", ")))
	return nil
}

// tellFaults says what went wrong on purpose, and whether the designer has all measurements. One that was restarted during the
// run has fewer, and one that another instrument uses has more.
func (s *simulating) tellFaults(r *simulate.Run) {
	if s.drops > 0 {
		s.tell.say("%s: the connection was cut after %s for a setting and %s", r.Way, plural(r.Dropped, "request"), plural(r.Lost, "report"))
	}
	if r.Server != nil && r.Server.Measurements >= 0 && (s.drops > 0 || r.Server.Measurements != len(r.X)) {
		s.tell.say("%s: the designer has %s, and %d were made", r.Way, plural(r.Server.Measurements, "measurement"), len(r.X))
	}
	if r.Resent {
		s.tell.say("%s: the server closed the connection while the instrument stopped in the middle of a message, which was sent again", r.Way)
	}
}

// result is the table for people, and what the designer says about it.
func (s *simulating) result(runs []figure.Simulated) []byte {
	g := grid{header: []string{"settings", "parameter", "truth", "estimate", "standard deviation", "deviation", "unit"}, columns: make([][]string, 7)}
	var said bytes.Buffer
	for _, r := range runs {
		deviations := r.Deviations(s.config.Truth)
		for k, p := range s.config.Experiment.Parameters {
			digits := digitsOf(r.Std[k])
			g.add(r.Way.String(), p.Name, digits(s.config.Truth[k]), digits(r.Mean[k]), digits(r.Std[k]), deviationText(deviations[k]), p.Unit)
		}
		if s.config.Experiment.HasCost() {
			fmt.Fprintf(&said, "%s: with the changes of the settings, %s took as long as %s without\n", r.Way, plural(len(r.X), "measurement"), number(math.Round(r.Cost)))
		}
		if r.Server == nil || !r.Server.Untrusted {
			continue
		}
		fmt.Fprintf(&said, "%s: the designer says that its estimates cannot be trusted\n", r.Way)
		for _, warning := range r.Server.Warnings {
			fmt.Fprintf(&said, "  %s\n", printable(warning))
		}
	}
	if len(runs) == 1 {
		g.header, g.columns = g.header[1:], g.columns[1:]
	}
	text, _ := g.format(false)
	return append(append(text, '\n'), said.Bytes()...)
}

func deviationText(deviation float64) string {
	if math.Abs(deviation) < 1000 {
		return fmt.Sprintf("%+.1f σ", deviation)
	}
	return fmt.Sprintf("%+.1g σ", deviation)
}

// verdict is an error if an estimate is far from the truth.
func (s *simulating) verdict(runs []figure.Simulated) error {
	var far []string
	for _, r := range runs {
		for k, deviation := range r.Deviations(s.config.Truth) {
			if !(math.Abs(deviation) <= maxDeviation) {
				far = append(far, fmt.Sprintf("%s (%s)", s.config.Experiment.Parameters[k].Name, r.Way))
			}
		}
	}
	if far == nil {
		return nil
	}
	return &exit{exitAnswer, fmt.Errorf("more than %d standard deviations from the true value: %s", maxDeviation, strings.Join(far, ", "))}
}

// failure is the exit for an error of the conversation.
func (s *simulating) failure(err error) error {
	var mismatch *simulate.MismatchError
	var impossible *simulate.ImpossibleError
	switch {
	case errors.As(err, &mismatch):
		return usage(fmt.Errorf("%w\n  start obe design with %s, or give its file here", err, s.path))
	case errors.As(err, &impossible):
		return usage(err)
	case errors.Is(err, command.ErrReply):
		return &exit{exitAnswer, err}
	case errors.Is(err, transport.ErrRefused):
		return failure(err, "start the designer: obe design "+s.path)
	}
	return failure(err)
}
