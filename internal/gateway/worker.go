package gateway

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"libobe/internal/jsondoc"
	"libobe/internal/socket"
	"libobe/internal/transport"
	"libobe/internal/wire"
)

// worker passes the commands of one subject to its server, one after the other.
type worker struct {
	back           *Back
	subject, value string
	queue          chan *Request
	bytes          atomic.Int64 // of the commands in queue

	noRun string // why a designer that was started has no run; used by the goroutine of work alone

	mu       sync.Mutex
	client   *socket.Client // of the server; nil: none yet
	designer *designer      // that was started; nil: none. Only the goroutine of work changes it
	run      run
}

// run is what a back knows of the run at one subject.
type run struct {
	id       string // of designers that share a subject; empty: no run
	owner    string // the gateway that began it
	begun    bool   // by newrun, and not ended
	lost     bool   // its designer is gone
	runs     int64
	commands int64
	last     time.Time
	problem  string
}

// linger is how long a worker of a wildcard's subject keeps what it does not need.
const (
	linger      = time.Minute
	shortLinger = time.Second
)

func newWorker(b *Back, subject, value string) *worker {
	w := &worker{back: b, subject: subject, value: value, queue: make(chan *Request, maxInFlight)}
	w.noRun = "no run has begun at " + subject + " since this gateway started"
	return w
}

// add puts a request into the queue, if there is room for it, for this subject and for all together.
func (w *worker) add(r *Request) bool {
	size, largest := int64(len(r.Body)), w.back.config.MaxMessage
	queued, all := w.bytes.Add(size), w.back.bytes.Add(size)
	if queued <= max(maxInFlightMessages*largest, size) && all <= max(maxQueuedMessages*largest, size) {
		select {
		case w.queue <- r:
			return true
		default:
		}
	}
	w.taken(r)
	return false
}

// taken follows the end of a request's wait.
func (w *worker) taken(r *Request) {
	w.bytes.Add(-int64(len(r.Body)))
	w.back.bytes.Add(-int64(len(r.Body)))
}

// work executes commands until Close, or until there was nothing to do for long.
func (w *worker) work() {
	defer w.back.working.Done()
	idle := time.NewTimer(w.patience())
	defer idle.Stop()
	for {
		select {
		case r := <-w.queue:
			w.taken(r)
			w.answer(r)
			idle.Reset(w.patience())
		case <-w.designerEnded():
			w.look()
			idle.Reset(w.patience())
		case <-idle.C:
			if w.rest() {
				return
			}
			idle.Reset(w.patience())
		case <-w.back.ctx.Done():
			w.end()
			return
		}
	}
}

// designerEnded is closed when a designer that was started has ended.
func (w *worker) designerEnded() <-chan struct{} {
	if w.designer == nil {
		return nil
	}
	return w.designer.ended
}

// patience is how long a worker waits for the next command.
func (w *worker) patience() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.designer != nil:
		return w.back.config.Idle
	case w.back.config.Spawner != nil && w.run.runs == 0:
		return shortLinger // it knows nothing, and there may be many names of nothing
	}
	return linger
}

// rest is called when there was no command for long. It reports whether the worker has ended.
func (w *worker) rest() bool {
	if len(w.queue) > 0 {
		return false
	}
	if w.designer != nil {
		w.back.config.Spawner.end(w.designer, fmt.Sprintf("no command came for %v", w.back.config.Idle))
		w.forget(fmt.Sprintf("the run at %s was ended, since no command came for %v", w.subject, w.back.config.Idle))
		return false
	}
	if !w.back.wildcard() || !w.back.retire(w) {
		return false
	}
	w.disconnect()
	return true
}

// end answers what waits. The subject has no further requests.
func (w *worker) end() {
	w.disconnect()
	for {
		select {
		case r := <-w.queue:
			w.taken(r)
			w.back.fail(r, StatusState, errEnding)
		default:
			return
		}
	}
}

// interrupt ends the command that is with the server.
func (w *worker) interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.client != nil {
		w.client.Free()
	}
}

// disconnect ends the connection to the server.
func (w *worker) disconnect() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.client != nil {
		w.client.Free()
		w.client = nil
	}
}

// forget is the end of a designer that was started, and of its run.
func (w *worker) forget(why string) {
	w.noRun = why
	w.disconnect()
	w.mu.Lock()
	w.designer = nil
	w.run.lost = w.run.lost || w.run.begun
	w.run.begun, w.run.id, w.run.owner = false, "", ""
	w.mu.Unlock()
}

// answer executes a command.
func (w *worker) answer(r *Request) {
	if w.back.ctx.Err() != nil {
		w.fail(r, StatusState, errEnding)
		return
	}
	if w.isExpired(r) {
		return
	}
	if err := jsondoc.Validate(r.Body); err != nil {
		w.fail(r, StatusArgument, fmt.Sprintf("the command is not JSON, and was not executed: %v", err))
		return
	}
	name := commandOf(r.Body)
	w.look()
	if status, why := w.refusal(r, name); status != "" {
		w.fail(r, status, why)
		return
	}
	client, err := w.connect(r)
	if err != nil {
		logged := w.log(r)
		logged.Refuse(err.Error())
		w.fail(r, StatusRefused, err.Error())
		return
	}
	if w.isExpired(r) { // a designer that starts takes its time
		return
	}
	logged := w.log(r)
	began := time.Now()
	reply, err := client.TcmdBody(r.Body, w.timeout(r))
	if err != nil {
		status, why := w.judge(client, err, time.Since(began))
		if status == StatusRefused {
			logged.Refuse(why)
		}
		if name == commandNewRun && status != StatusRefused {
			w.unknownRun()
		}
		w.fail(r, status, why)
		return
	}
	if w.back.config.Replied != nil {
		w.back.config.Replied(time.Since(began))
	}
	logged.Reply(reply)
	r.Recorded = logged.Kept()
	refused := isRefusal(reply)
	w.follow(r, name, refused)
	w.back.respond(r, reply)
	if name == commandDone && !refused && w.designer != nil {
		// It ends by itself, perhaps after it has written what it knows, and must not get a command until then.
		w.back.config.Spawner.retire(w.designer)
		w.forget(w.noRun)
	}
}

// log records a command that is passed on.
func (w *worker) log(r *Request) *Logged {
	call := Call{Subject: w.subject, Client: r.From, Received: r.Received, Body: r.Body}
	if w.back.shared() {
		call.Shared = strings.Replace(w.back.Instance(), "*", w.value, 1)
	}
	return w.back.config.Log.Command(call)
}

// isExpired reports whether the asker has stopped waiting, so that the command must not be executed, and counts it.
func (w *worker) isExpired(r *Request) bool {
	if !r.Expired() {
		return false
	}
	w.back.counters.expired.Add(1)
	w.back.config.Tell(EventExpired, fmt.Sprintf("%s: a command was not executed, since its sender had stopped waiting after %v", w.subject, r.Timeout))
	return true
}

// timeout returns how long the server has for a command.
func (w *worker) timeout(r *Request) time.Duration {
	if r.Timeout == 0 {
		return w.back.config.Timeout
	}
	return max(0, r.Timeout-time.Since(r.Received))
}

func (w *worker) fail(r *Request, status, why string) {
	w.mu.Lock()
	w.run.problem = why
	w.mu.Unlock()
	w.back.fail(r, status, why)
}

// look finds out whether a designer that was started has ended.
func (w *worker) look() {
	if w.designer == nil || !w.designer.hasEnded() {
		return
	}
	why := "the designer of the run at " + w.subject + " is gone: " + w.designer.epitaph()
	if !w.isBegun() && w.noRun != "" {
		why = w.noRun // such as after done
	}
	w.forget(why)
}

func (w *worker) isBegun() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.run.begun
}

// refusal returns why a command must not be executed, if so: it would be executed with another posterior than its sender
// believes.
func (w *worker) refusal(r *Request, name string) (status, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch held := w.run.id != ""; {
	case !w.back.shared():
	case name == commandNewRun && held && (r.Gateway == "" || r.Gateway != w.run.owner) && time.Since(w.run.last) < w.back.config.Idle:
		return StatusBusy, fmt.Sprintf("busy: this designer of %s holds the run of another instrument, which it gives up after done, or %v without commands; start another designer, or wait", w.subject, w.back.config.Idle)
	case needsNoRun(name):
	case r.Run == "":
		return StatusState, fmt.Sprintf("several designers share %s: begin with newrun", w.subject)
	case r.Run != w.run.id:
		return StatusState, fmt.Sprintf("this designer of %s has no longer the run of this instrument: begin with newrun", w.subject)
	}
	if w.back.config.Spawner != nil && !w.run.begun && !needsNoRun(name) {
		return StatusState, w.noRun + "; begin with newrun"
	}
	return "", ""
}

// connect returns the client of the server, which is started if that is this gateway's task.
func (w *worker) connect(r *Request) (*socket.Client, error) {
	w.mu.Lock()
	client := w.client
	w.mu.Unlock()
	if client != nil {
		return client, nil
	}
	var err error
	var started *designer
	if w.back.config.Spawner == nil {
		client, err = w.back.config.Connect(w.value)
	} else if started, err = w.back.config.Spawner.start(w.back.ctx, w.value, w.timeout(r)); err == nil {
		client = started.client
	}
	if err != nil {
		return nil, fmt.Errorf("%w; the command was not executed", err)
	}
	w.mu.Lock()
	w.client, w.designer = client, started
	w.mu.Unlock()
	if w.back.ctx.Err() != nil {
		client.Free() // Close has not seen it
	}
	return client, nil
}

// follow records a command that was executed. refused says that the designer answered with an error.
func (w *worker) follow(r *Request, name string, refused bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	mine := r.Run != "" && r.Run == w.run.id
	w.run.commands++
	w.run.problem = ""
	switch {
	case refused:
	case name == commandNewRun:
		w.run.begun, w.run.lost = true, false
		w.run.runs++
		w.noRun = ""
		if w.back.shared() {
			w.run.id, w.run.owner, mine = newID(), r.Gateway, true
		}
	case name == commandDone:
		w.run.begun, w.run.id, w.run.owner = false, "", ""
		w.noRun = "the run at " + w.subject + " was ended by done"
	}
	if mine || !w.back.shared() {
		w.run.last = time.Now()
	}
	r.Run = ""
	if mine {
		r.Run = w.run.id
	}
}

// unknownRun follows a newrun of which it is not known whether it was executed.
func (w *worker) unknownRun() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.run.begun = false
	w.noRun = "it is not known whether the last newrun at " + w.subject + " was executed"
	if w.back.shared() {
		w.run.id, w.run.owner = "", ""
	}
}

// judge returns what an error of the server means: a status, and a sentence.
func (w *worker) judge(client *socket.Client, err error, took time.Duration) (status, why string) {
	server := "the server at " + client.Address()
	if w.designer != nil {
		server = "the designer of " + w.subject
	}
	const unknown = "; whether it has executed the command is not known"
	var syntax *jsondoc.SyntaxError
	switch {
	case w.back.ctx.Err() != nil:
		return StatusPeerClosed, "the gateway of the designer is ending" + unknown
	case w.designer != nil && w.designer.endsSoon():
		why := server + " is gone: " + w.designer.epitaph()
		w.forget(why)
		if errors.Is(err, transport.ErrRefused) {
			return StatusRefused, why + "; the command was not executed"
		}
		return StatusPeerClosed, why + unknown
	case errors.Is(err, transport.ErrRefused):
		return StatusRefused, server + " is not there: start it, or compare its address with --to; the command was not executed"
	case errors.Is(err, transport.ErrUnreachable):
		return StatusRefused, fmt.Sprintf("%s cannot be reached: %v; the command was not executed", server, err)
	case errors.Is(err, socket.ErrTimeout):
		return StatusTimeout, fmt.Sprintf("%s has not answered within %v; it may still execute the command, and a Python optbayesexpt server never replies to an unknown one", server, took.Round(time.Millisecond))
	case errors.Is(err, socket.ErrPeerClosed), errors.Is(err, wire.ErrIncomplete):
		return StatusPeerClosed, server + " ended the connection without a whole reply: look at its own output for the reason" + unknown
	case errors.Is(err, transport.ErrReset):
		return StatusReset, server + " reset the connection: look at its own output for the reason" + unknown
	case errors.Is(err, wire.ErrTooLarge):
		return StatusTooLarge, fmt.Sprintf("the message is larger than %d bytes, the --max-message of the gateway of %s", w.back.config.MaxMessage, w.subject)
	case errors.Is(err, wire.ErrMalformed):
		return StatusFrame, fmt.Sprintf("%s does not speak the protocol: %v", server, err)
	case errors.As(err, &syntax):
		return StatusJSON, fmt.Sprintf("the reply of %s is not JSON: %v", server, err)
	}
	return StatusInternal, fmt.Sprintf("%s: %v", server, err)
}

// report returns the state of the run.
func (w *worker) report() RunReport {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := RunReport{
		Subject: w.subject, State: "idle", Runs: w.run.runs, Commands: w.run.commands, Last: w.run.last, Problem: w.run.problem,
	}
	if w.client != nil {
		r.Designer = w.client.Address()
	}
	if w.run.begun {
		r.State = "run"
	} else if w.run.lost {
		r.State = "lost"
	}
	return r
}
