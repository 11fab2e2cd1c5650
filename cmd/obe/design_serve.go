package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"libobe/internal/designserver"
	"libobe/internal/experiment"
	"libobe/internal/gateway"
	"libobe/internal/jsondoc"
	"libobe/internal/replay"
	"libobe/internal/simulate"
	"libobe/internal/socket"
)

// replyTimeout is how long a client that does not read its reply can delay the others. Most replies are taken by the
// system at once.
const replyTimeout = 10 * time.Second

// serve is the designer until done or a signal.
func (f *designFlags) serve(app *app, prefix, path string, at address) error {
	e, err := experiment.Load(path)
	if err != nil {
		return usage(experimentError(path, err))
	}
	d := &designing{app: app, told: map[string]bool{}, trusted: true}
	stderr := io.Writer(app.stderr)
	if app.terminalErr {
		d.line = &statusLine{to: app.stderr}
		stderr = d.line
	}
	d.tell = newEvents(stderr, prefix)
	numbers, err := f.metrics.open(app, d.tell, "design", map[string]address{"ADDRESS": at})
	if err != nil {
		return err
	}
	defer numbers.close()
	tellNotFinite(d.tell, path, e)
	d.designer, err = designserver.New(designserver.Config{
		Experiment: e, AskAhead: f.askAhead, RunEnds: d.endRun,
		Fault: func(err any, stack []byte) {
			d.tell.say("a fault of this program, please report it: %v\n%s", err, stack)
		},
	})
	if err != nil {
		return usage(fmt.Errorf("%s: %w", path, err))
	}
	if d.socket, err = socket.NewServer(at.host, at.port); err != nil {
		return failure(err)
	}
	defer d.socket.Free()
	app.sockets = append(app.sockets, d.socket)
	if err := f.tls.apply(d.socket); err != nil {
		return err
	}
	if err := d.socket.SetOption("allow", f.allow); err != nil {
		return usage(fmt.Errorf("--allow: %w", err))
	}
	defer context.AfterFunc(app.ctx, d.socket.Free)()
	if err := f.prepareRun(d, e); err != nil {
		return err
	}
	// Options that do not belong together are an error of the first call that receives.
	first, err := d.socket.ReceiveMessage(0)
	if err != nil && !errors.Is(err, socket.ErrTimeout) && app.ctx.Err() == nil {
		return usage(failure(err))
	}
	d.metrics = numbers.designer(d)
	numbers.serve()
	d.tell.say("listening on %s", d.socket.Name())
	return d.serve(first, f.stay)
}

// prepareRun restores a run and turns the trace on, as the flags say.
func (f *designFlags) prepareRun(d *designing, e *experiment.Experiment) error {
	resume, record := f.resume, f.record
	var err error
	if resume != "" && !isNATS(resume) {
		resume, err = filepath.Abs(resume)
	}
	if err == nil && record != "" {
		record, err = filepath.Abs(record)
	}
	if err != nil {
		return usage(err)
	}
	var run *replay.Run
	if resume != "" {
		if run, err = d.lastRun(f, resume, record); err != nil {
			return err
		}
	}
	if run != nil {
		if other := measuredOther(run, e); other != nil {
			return usage(fmt.Errorf("--resume %s: the recorded designer had another experiment: %s\n  the file of the experiment must be the one of that run", shownTrace(f.resume), strings.Join(other, "; ")))
		}
		began := time.Now()
		unanswered, err := d.designer.Restore(run)
		if err != nil {
			return usage(fmt.Errorf("--resume %s: %w\n  the file of the experiment must be the one of that run", shownTrace(f.resume), restoreError(err)))
		}
		d.tell.say("resumed: %s in %.2f s, %s", plural(d.designer.Measurements(), "measurement"), time.Since(began).Seconds(), d.estimates())
		if unanswered > 0 {
			d.tell.say("%s got no reply then, and %s counted; one that is sent again now, first of all, counts once", plural(unanswered, "command"), isAre(int64(unanswered)))
		}
		d.look()
	}
	if record == "" {
		return nil
	}
	if err := d.begin(record, run, run != nil && resume == record && run.Server == d.socket.Name()); err != nil {
		return usage(fmt.Errorf("--record: %w", err))
	}
	for option, value := range map[string]string{"trace": record, "trace_limit": strconv.FormatInt(math.MaxInt64, 10)} {
		if err := d.socket.SetOption(option, value); err != nil {
			return usage(fmt.Errorf("--record: %w", err))
		}
	}
	d.trace = &designTrace{path: record, server: d.socket.Name()}
	d.describe()
	return nil
}

// lastRun returns the last run of a trace. None is an error, except in the trace that is to be recorded, or in a record at
// a NATS server, which the gateway writes: so the same command line starts the first time and after a crash.
func (d *designing) lastRun(f *designFlags, resume, record string) (*replay.Run, error) {
	recording, shown, err := d.app.load(d.tell, f.nats, resume)
	if d.app.ctx.Err() != nil {
		return nil, err
	}
	if !isNATS(resume) {
		shown = f.resume
	}
	missing := errors.Is(err, fs.ErrNotExist) || errors.Is(err, gateway.ErrNoRecord)
	fresh := missing || errors.Is(err, replay.ErrEmpty) || err == nil && len(recording.Runs) == 0
	switch {
	case fresh && (resume == record || isNATS(resume)):
		d.tell.say("%s has no run yet: this is the first one", shown)
		return nil, nil
	case err != nil:
		return nil, traceExit(shown, fmt.Errorf("--resume: %w", err))
	case fresh:
		return nil, usage(fmt.Errorf("--resume: %s has no run: no newrun and no newdat", shown))
	}
	if recording.Damaged > 0 {
		d.tell.say("%s in %s %s not complete, and skipped", plural(recording.Damaged, "line"), shown, isAre(int64(recording.Damaged)))
	}
	return recording.Runs[len(recording.Runs)-1], nil
}

// measuredOther returns in what the measurements of a recorded run differ from those of an experiment, as far as the trace
// tells. Numbers alone do not show that they belong to other knobs.
func measuredOther(run *replay.Run, e *experiment.Experiment) (other []string) {
	for _, x := range run.Exchanges {
		if x.Name == "describe" && x.Reply != nil && !x.Reply.Cut {
			other = simulate.MeasuredOther(x.Reply.Body, e)
		}
	}
	return other
}

// restoreError adds the place of the command that could not be executed.
func restoreError(err error) error {
	var stopped *replay.StoppedError
	if errors.As(err, &stopped) {
		return fmt.Errorf("%s (%s): %w", shownName(stopped.Exchange.Name), stopped.Exchange.Command.Place(), stopped.Cause)
	}
	return err
}

// designing is obe design while it serves.
type designing struct {
	app      *app
	tell     *events
	designer *designserver.Server
	socket   *socket.Server
	trace    *designTrace   // nil: none
	metrics  *designMetrics // nil: none

	line *statusLine     // nil unless people read stderr at a terminal
	told map[string]bool // the kinds of warnings of this run

	trusted bool
	unseen  bool      // whether there were measurements since people were told about the posterior
	looked  time.Time // when they were
	lost    int64     // messages that are missing in the trace
}

// lookInterval is how often people are told about the posterior while measurements come fast. To find out takes as long as
// to answer a command.
const lookInterval = 100 * time.Millisecond

// serve answers messages, of which the first one may have been received already.
func (d *designing) serve(m *socket.Message, stay bool) error {
	for {
		if m != nil && d.answer(m) && !stay {
			d.endRun()
			d.tell.end()
			return nil
		}
		wait := socket.Forever
		if d.unseen {
			wait = max(0, lookInterval-time.Since(d.looked))
		}
		var err error
		m, err = d.socket.ReceiveMessage(wait)
		if d.unseen && time.Since(d.looked) >= lookInterval {
			d.look()
		}
		if errors.Is(err, socket.ErrTimeout) {
			continue
		}
		if err != nil {
			d.endRun()
			d.tell.end()
			if d.app.ctx.Err() != nil {
				return nil // app.run returns why
			}
			return failure(err)
		}
	}
}

// answer answers a message, and reports whether it is done.
func (d *designing) answer(m *socket.Message) bool {
	defer m.Drop()
	began, measured := time.Now(), d.designer.Measurements()
	reply, done := d.designer.Answer(m.Body)
	d.metrics.answered(m.Body, reply, time.Since(began), d.designer.Measurements()-measured)
	if err := m.Reply(reply, replyTimeout); err != nil {
		d.tell.tell(unsentReplies, err.Error())
	}
	if d.trace != nil {
		if lost, err := d.socket.Stat("trace_failed"); err == nil && lost > d.lost {
			why, _ := d.socket.Option("trace_error")
			d.tellLost(why)
			d.lost = lost
		}
	}
	if done {
		return true
	}
	switch name, _ := jsondoc.FromValid(m.Body).String("/command"); name {
	case "newdat":
		d.unseen = true
	case "newrun":
		if d.trace != nil {
			d.trace.described = ""
		}
		d.metrics.look(d)
	}
	d.designer.Prepare()
	return false
}

// numerals are the numbers in a warning, which differ from one measurement to the next.
var numerals = regexp.MustCompile(`[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?`)

// kindOfWarning returns what is the same in all warnings of a kind.
func kindOfWarning(warning string) string { return numerals.ReplaceAllString(warning, "#") }

// look tells what the designer warns of, each kind once in a run, and at a terminal what is known.
func (d *designing) look() {
	d.unseen, d.looked = false, time.Now()
	status := d.designer.Status()
	for _, warning := range status.Warnings {
		kind := kindOfWarning(warning)
		if !d.told[kind] {
			d.told[kind] = true
			d.tell.say("measurement %d: %s", status.Measurements, warning)
		}
	}
	if status.Trusted && !d.trusted {
		d.tell.say("measurement %d: the posterior can be trusted again", status.Measurements)
	}
	d.trusted = status.Trusted
	d.metrics.look(d)
	d.describe()
	if d.line != nil && status.Measurements > 0 {
		d.line.set(d.summary())
	}
}

// summary is what is known, in one line.
func (d *designing) summary() string {
	text := fmt.Sprintf("run %d, %s: %s", d.designer.Run(), plural(d.designer.Measurements(), "measurement"), d.estimates())
	if !d.trusted {
		text += "; this cannot be trusted"
	}
	return text
}

// endRun says what a run has found.
func (d *designing) endRun() {
	if d.designer.Measurements() == 0 {
		return
	}
	d.look()
	d.tell.say("%s", d.summary())
	d.told, d.trusted = map[string]bool{}, true
}

// estimates is what is known about the parameters, in one line.
func (d *designing) estimates() string {
	var texts []string
	for _, e := range d.designer.Estimates() {
		texts = append(texts, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Name, estimate(e.Mean, e.Std), e.Unit)))
	}
	return strings.Join(texts, ", ")
}

// estimate returns a mean and a standard deviation with the digits that mean something.
func estimate(mean, std float64) string {
	digits := digitsOf(std)
	return digits(mean) + " ± " + digits(std)
}

// digitsOf returns a function that writes numbers with the digits that mean something beside a standard deviation: down to the
// second of its own.
func digitsOf(std float64) func(float64) string {
	if !(std > 0) || math.IsInf(std, 0) {
		return number
	}
	digits := 1 - int(math.Floor(math.Log10(std)))
	if digits < 0 || digits > 12 {
		return number
	}
	return func(v float64) string {
		if math.Abs(v) >= 1e15 { // no digit beside the standard deviation is known
			return number(v)
		}
		return strconv.FormatFloat(v, 'f', digits, 64)
	}
}
