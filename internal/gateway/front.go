package gateway

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"libobe/internal/command"
	"libobe/internal/excerpt"
	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

// FrontConfig is what a front needs.
type FrontConfig struct {
	Link    *Link
	Subject string
	// Server listens for the instruments. Its options are set, max_message to MaxMessage.
	Server     *socket.Server
	Name       string        // of this gateway, the same at each start
	Timeout    time.Duration // how long a reply is waited for; what the instrument itself waits is not known
	MaxMessage int64
	Log        *Log                // nil: nothing is recorded
	Tell       func(Event, string) // as Config.Events
	// Replied is called with how long a reply has taken; nil: not needed.
	Replied func(time.Duration)
}

// Front is the end of instruments: each command that comes over TCP becomes a request at the subject, and the reply goes
// back on the connection that asked. What fails becomes the reply {"error": "…", "command": "…"}.
//
// All instruments of a front share a run, as they would at a server. The run belongs to the designer that has answered
// first, or has answered newrun: the later commands go to its private subject, and to no other designer.
type Front struct {
	config FrontConfig
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	private  *regexp.Regexp // of private subjects, in place of which people are shown the subject
	slots    chan struct{}  // one for each command under way
	bytes    atomic.Int64   // of those commands
	unsent   atomic.Int64   // bytes of the replies that instruments have not taken yet
	answered sync.WaitGroup
	counters counters

	mu  sync.Mutex
	pin pin
}

// pin is what a front knows of the designer that holds its run.
type pin struct {
	server string // its private subject; empty: none
	shared bool   // several designers share the subject
	run    string // if shared

	lost     bool // the designer was gone when it was last asked
	runs     int64
	commands int64
	last     time.Time
	problem  string
}

const (
	// maxInFlight is how many commands may be under way, from a front or to a server.
	maxInFlight = 1024
	// maxInFlightMessages bounds their memory, in messages of the largest size, and maxUnsentReplies that of replies.
	maxInFlightMessages = 2
	maxUnsentReplies    = 4
	// otherDesigners is how long the answers of further designers are waited for after the first one.
	otherDesigners = 100 * time.Millisecond
	// readyPause is the time between the first two attempts to find a designer that is ready, and longReadyPause the
	// longest one: each attempt may start a designer that ends at once.
	readyPause, longReadyPause = 100 * time.Millisecond, 3 * time.Second
	// replyTimeout is how long an instrument may take to read its reply.
	replyTimeout = 30 * time.Second
)

// errLost is why a command of a run fails whose designer does not answer. It is asked again at each command: one that
// has only lost its connection to NATS still has the run.
var errLost = errors.New("the designer that held this run is gone; begin with newrun (a designer that has only lost its connection to NATS continues the run when it is back)")

// NewFront returns a front. Serve makes it work.
func NewFront(c FrontConfig) *Front {
	f := &Front{config: c, slots: make(chan struct{}, maxInFlight)}
	f.private = regexp.MustCompile(regexp.QuoteMeta(c.Subject) + `\._[0-9A-Za-z]+`)
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// Serve serves instruments until Close, or until the server of the instruments is freed or fails. The first message may
// have been received already, and is nil otherwise.
func (f *Front) Serve(m *socket.Message) error {
	for ; ; m = nil {
		var err error
		if m == nil {
			m, err = f.config.Server.ReceiveMessage(socket.Forever)
		}
		if errors.Is(err, socket.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		f.counters.commands.Add(1)
		size := int64(len(m.Body))
		if !f.admit(size) {
			f.refuse(m)
			continue
		}
		f.answered.Add(1)
		go func(m *socket.Message) {
			defer f.answered.Done()
			defer f.release(size)
			defer m.Drop()
			f.answer(m)
		}(m)
	}
}

// Close frees the server of the instruments and ends what is under way.
func (f *Front) Close() {
	f.config.Server.Free()
	f.cancel()
	f.answered.Wait()
}

// admit reports whether one more command may be under way.
func (f *Front) admit(size int64) bool {
	if f.bytes.Add(size) > max(maxInFlightMessages*f.config.MaxMessage, size) {
		f.bytes.Add(-size)
		return false
	}
	select {
	case f.slots <- struct{}{}:
		return true
	default:
		f.bytes.Add(-size)
		return false
	}
}

func (f *Front) release(size int64) {
	f.bytes.Add(-size)
	<-f.slots
}

// refuse answers a command for which there is no room. It does not wait for the instrument.
func (f *Front) refuse(m *socket.Message) {
	defer m.Drop()
	f.counters.busy.Add(1)
	f.counters.errors.Add(1)
	why := fmt.Sprintf("busy: this gateway already waits for the replies to %d commands with %d bytes; the command was not sent", len(f.slots), f.bytes.Load())
	f.config.Tell(EventBusy, m.Peer()+": "+why)
	if err := m.Reply(errorReply(commandOf(m.Body), why), 0); err != nil {
		f.unread(err)
	}
}

// answer passes a command on and its reply back.
func (f *Front) answer(m *socket.Message) {
	received, name, client := time.Now(), commandOf(m.Body), clientName(m.Peer())
	answer, pinned, err := f.ask(name, Ask{
		Body: m.Body, Deadline: received.Add(f.config.Timeout), MaxReply: f.config.MaxMessage, From: client, Gateway: f.config.Name,
	})
	if f.ctx.Err() != nil {
		return
	}
	if err == nil {
		if invalid := jsondoc.Validate(answer.Body); invalid != nil {
			err = fmt.Errorf("the reply of the designer at %s is not JSON: %w", f.config.Subject, invalid)
		}
	}
	if err == nil {
		size := int64(len(answer.Body))
		defer f.unsent.Add(-size)
		if f.unsent.Add(size) > max(maxUnsentReplies*f.config.MaxMessage, size) {
			err = fmt.Errorf("the command was executed, and its reply of %d bytes is lost: this gateway holds %d bytes of replies that instruments do not read", size, f.unsent.Load()-size)
		}
	}
	log := f.config.Log
	if err == nil && answer.Recorded {
		log = nil // the record has it once
	}
	logged := log.Command(Call{Subject: f.config.Subject, Shared: pinned.sharedServer(), Client: client, Received: received, Body: m.Body})
	var body []byte
	if err == nil {
		f.counters.replies.Add(1)
		if f.config.Replied != nil {
			f.config.Replied(time.Since(received))
		}
		body = answer.Body
		logged.Reply(body)
	} else {
		f.counters.errors.Add(1)
		if errors.Is(err, ErrBusy) {
			f.counters.busy.Add(1)
		}
		why := f.private.ReplaceAllLiteralString(err.Error(), f.config.Subject)
		if isNotExecuted(err) {
			logged.Refuse(why)
		}
		f.config.Tell(EventFailed, fmt.Sprintf("%s, %s: %s", m.Peer(), shown(name), why))
		body = errorReply(name, why)
	}
	f.note(err)
	if err := m.Reply(body, replyTimeout); err != nil && f.ctx.Err() == nil {
		f.unread(err)
	}
}

func (f *Front) unread(err error) {
	f.counters.unread.Add(1)
	f.config.Tell(EventUnread, "an instrument did not take its reply: "+err.Error())
}

// errorReply is the reply to a command that has none.
func errorReply(name, why string) []byte { return command.ErrorReply(excerpt.Message(name), why) }

// isNotExecuted reports whether it is certain that no designer has executed the command.
func isNotExecuted(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return slices.Contains([]string{StatusArgument, StatusBusy, StatusState, StatusRefused}, status.Status)
	}
	for _, kind := range []error{ErrNoDesigner, ErrDisconnected, errLost} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// ask sends a command to the designer that has to execute it. pinned is the designer that has the run after that.
func (f *Front) ask(name string, a Ask) (answer *Answer, pinned pin, err error) {
	f.mu.Lock()
	pinned = f.pin
	f.mu.Unlock()
	switch {
	case name == commandReady:
		answer, err = f.awaitDesigner(a)
		return answer, pinned, err
	case name == commandNewRun:
		answer, err = f.newRun(a, pinned)
	case pinned.server == "":
		answer, err = f.askAny(a)
	default:
		answer, err = f.askPinned(a, pinned)
		if errors.Is(err, ErrNoDesigner) {
			f.counters.lost.Add(1)
			err = errLost
		}
	}
	if err != nil {
		return nil, f.lose(pinned, err == errLost), err
	}
	return answer, f.follow(name, pinned, answer), nil
}

// askPinned asks the designer that holds the run.
func (f *Front) askPinned(a Ask, p pin) (*Answer, error) {
	a.Subject, a.Private, a.Run = p.server, true, p.run
	return f.config.Link.Ask(f.ctx, a)
}

// askAny asks a designer of the subject.
func (f *Front) askAny(a Ask) (*Answer, error) {
	a.Subject = f.config.Subject
	if len(a.Body) <= f.config.Link.single() {
		return f.config.Link.Ask(f.ctx, a)
	}
	// Only one designer can be sent a command in parts.
	designers, err := f.config.Link.Who(f.ctx, f.config.Subject, a.Deadline)
	if errors.Is(err, ErrBroken) {
		return nil, failf(ErrDisconnected, "the command to %s was not sent: the connection to the NATS server at %s broke before it", f.config.Subject, f.config.Link.Address())
	}
	if err != nil {
		return nil, err
	}
	if len(designers) == 0 {
		return nil, fmt.Errorf("%w at %s: start one, or compare the subject with that of its gateway", ErrNoDesigner, f.config.Subject)
	}
	a.Subject, a.Private = designers[rand.IntN(len(designers))], true
	return f.config.Link.Ask(f.ctx, a)
}

// awaitDesigner asks whether a designer is ready, until one answers or the time is up. An instrument that waits for its
// designer takes any reply to ready for its being there, even an error, and would begin too early.
func (f *Front) awaitDesigner(a Ask) (*Answer, error) {
	for pause := readyPause; ; pause = min(2*pause, longReadyPause) {
		answer, err := f.askAny(a)
		if !isNotExecuted(err) || time.Until(a.Deadline) < pause {
			return answer, err
		}
		f.mu.Lock()
		f.pin.problem = err.Error() // to be seen meanwhile
		f.mu.Unlock()
		select {
		case <-f.ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
	}
}

// newRun begins a run. Of several designers that share the subject, that is one that holds no run of another instrument.
// A designer that says that it is busy has not executed the command, so that the next one may be asked.
func (f *Front) newRun(a Ask, p pin) (*Answer, error) {
	if p.server != "" && p.shared {
		if answer, err := f.askPinned(a, p); !errors.Is(err, ErrNoDesigner) && !isBusy(err) {
			return answer, err
		}
	}
	answer, err := f.askAny(a)
	if !isBusy(err) {
		return answer, err
	}
	designers, whoErr := f.config.Link.who(f.ctx, f.config.Subject, a.Deadline, otherDesigners)
	if whoErr != nil {
		return nil, err
	}
	rand.Shuffle(len(designers), func(i, j int) { designers[i], designers[j] = designers[j], designers[i] })
	for _, other := range designers {
		var busy *StatusError
		if errors.As(err, &busy) && busy.Server == other {
			continue
		}
		a.Subject, a.Private = other, true
		if answer, otherErr := f.config.Link.Ask(f.ctx, a); !isBusy(otherErr) && !errors.Is(otherErr, ErrNoDesigner) {
			return answer, otherErr
		}
	}
	return nil, err
}

// isBusy reports whether a designer has refused a command since it has no time for it.
func isBusy(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Status == StatusBusy
}

// follow records which designer has answered a command, and returns the one that holds the run now.
func (f *Front) follow(name string, asked pin, a *Answer) pin {
	f.mu.Lock()
	defer f.mu.Unlock()
	unchanged := f.pin.server == asked.server && f.pin.run == asked.run
	refused := jsondoc.Validate(a.Body) != nil || isRefusal(a.Body)
	switch {
	case name == commandNewRun && refused:
		// The run that there was goes on.
	case name == commandNewRun, f.pin.server == "" && isPrivate(a.Server) && a.Queue == "":
		f.pin.server, f.pin.shared, f.pin.run, f.pin.lost = "", a.Queue != "", a.Run, false
		if isPrivate(a.Server) {
			f.pin.server = a.Server
		}
		if name == commandNewRun {
			f.pin.runs++
		}
	case name == commandDone && unchanged && !refused:
		f.pin.server, f.pin.run = "", "" // its designer has ended
		return asked
	}
	if unchanged {
		f.pin.lost = false
	}
	return f.pin
}

// lose records whether the designer of a run was gone when it was asked.
func (f *Front) lose(asked pin, gone bool) pin {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pin.server == asked.server {
		f.pin.lost = gone
	}
	return f.pin
}

// note records how a command ended, for the report.
func (f *Front) note(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pin.commands++
	f.pin.last, f.pin.problem = time.Now(), ""
	if err != nil {
		f.pin.problem = err.Error()
	}
}

// sharedServer returns the private subject of the designer for the record, if several designers share the subject.
func (p pin) sharedServer() string {
	if p.shared {
		return p.server
	}
	return ""
}

// Report returns the state of the front.
func (f *Front) Report() Report {
	f.mu.Lock()
	defer f.mu.Unlock()
	run := RunReport{
		Subject: f.config.Subject, Designer: f.pin.server, State: "idle",
		Runs: f.pin.runs, Commands: f.pin.commands, Last: f.pin.last, Problem: f.pin.problem,
	}
	switch {
	case f.pin.lost:
		run.State = "lost"
	case f.pin.server != "":
		run.State = "run"
	}
	return Report{Counters: f.counters.values(), Runs: []RunReport{run}}
}
