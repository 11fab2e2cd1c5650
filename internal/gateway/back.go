package gateway

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"libobe/internal/socket"
)

// BackConfig is what a back needs.
type BackConfig struct {
	Link    *Link
	Subject string // with at most one wildcard
	// Queue is the name under which several designers share the subject; empty: there is only one.
	Queue      string
	Timeout    time.Duration // how long a server may take to answer a command whose asker does not tell how long it waits
	MaxMessage int64
	// Connect returns a client of the server, for what the wildcard stands for; "" without a wildcard.
	Connect func(value string) (*socket.Client, error)
	Spawner *Spawner      // starts the servers; nil: they are there
	Idle    time.Duration // without commands, after which a designer that was started, or shares the subject, gives up its run
	Log     *Log          // nil: nothing is recorded
	Tell    func(Event, string)
	// Replied is called with how long a server has taken for a reply; nil: not needed.
	Replied func(time.Duration)
}

// Back is the end of designers: each request at the subject becomes a command to a server, in order of arrival, over a
// connection of its own. With a wildcard there is a server for each subject.
type Back struct {
	config   BackConfig
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	working  sync.WaitGroup
	replying chan struct{} // one for each large reply under way
	bytes    atomic.Int64  // of the commands that wait
	counters counters

	mu       sync.Mutex
	workers  map[string]*worker // by subject; nil once Close was called
	service  *Service           // nil: not yet
	claiming bool               // it is not certain yet that no other designer serves the subject
	held     []*Request         // that came in the meantime
}

const (
	// maxWorkers is how many subjects a back serves at once.
	maxWorkers = 1024
	// maxQueuedMessages bounds the memory of the commands that wait for all of them, in messages of the largest size.
	maxQueuedMessages = 4
	// maxReplying is how many large replies are under way while further commands are executed.
	maxReplying = 8
)

// NewBack returns a back. Serve makes it work.
func NewBack(c BackConfig) *Back {
	b := &Back{config: c, workers: map[string]*worker{}, replying: make(chan struct{}, maxReplying)}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// shared reports whether several designers share the subject.
func (b *Back) shared() bool { return b.config.Queue != "" }

// wildcard reports whether the subject has one.
func (b *Back) wildcard() bool { return strings.Contains(b.config.Subject, "*") }

// handle takes a request. It does not wait.
func (b *Back) handle(r *Request) {
	b.mu.Lock()
	claiming, room := b.claiming, len(b.held) < maxInFlight
	if claiming && room {
		b.held = append(b.held, r)
	}
	b.mu.Unlock()
	if claiming {
		if !room {
			b.notYet(r)
		}
		return
	}
	b.counters.commands.Add(1)
	if status, why := b.take(r); status != "" {
		b.fail(r, status, why)
	}
}

// take puts a request into the queue of its subject, or returns why it cannot.
func (b *Back) take(r *Request) (status, why string) {
	value := ""
	if b.wildcard() {
		var err error
		if value, err = wildcardValue(b.config.Subject, r.Subject); err != nil {
			return StatusArgument, err.Error()
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.workers == nil {
		return StatusState, errEnding
	}
	w := b.workers[r.Subject]
	if w == nil {
		if len(b.workers) == maxWorkers {
			b.counters.busy.Add(1)
			return StatusBusy, fmt.Sprintf("busy: the gateway of %s already has commands for %d subjects; the command was not executed", b.config.Subject, maxWorkers)
		}
		w = newWorker(b, r.Subject, value)
		b.workers[r.Subject] = w
		b.working.Add(1)
		go w.work()
	}
	if !w.add(r) {
		b.counters.busy.Add(1)
		return StatusBusy, fmt.Sprintf("busy: %d commands wait for the designer at %s; the command was not executed", len(w.queue), r.Subject)
	}
	return "", ""
}

// errEnding is why a command is not executed while the gateway ends.
const errEnding = "the gateway of the designer is ending; the command was not executed"

// fail answers a request with why there is no reply.
func (b *Back) fail(r *Request, status, why string) {
	b.counters.errors.Add(1)
	event := EventServer
	switch status {
	case StatusBusy:
		event = EventBusy
	case StatusArgument, StatusState:
		event = EventFailed
	}
	text := why
	if !strings.Contains(why, r.Subject) {
		text = r.Subject + ": " + why
	}
	b.config.Tell(event, text)
	_ = r.Fail(status, why) // without a connection the asker has an error of its own
}

// respond answers a request. A large reply is sent in the background, so that an asker that takes it slowly does not
// delay the commands of others.
func (b *Back) respond(r *Request, body []byte) {
	b.counters.replies.Add(1)
	send := func() {
		if err := r.Respond(body); err != nil && b.ctx.Err() == nil {
			b.config.Tell(EventUnread, fmt.Sprintf("%s: a reply of %d bytes could not be sent: %v", r.Subject, len(body), err))
		}
	}
	if len(body) <= b.config.Link.whole() { // in one message, for which there is nothing to wait
		send()
		return
	}
	select {
	case b.replying <- struct{}{}:
	case <-b.ctx.Done():
		return
	}
	b.working.Add(1)
	go func() {
		defer b.working.Done()
		defer func() { <-b.replying }()
		send()
	}()
}

// retire removes a worker that has nothing to do, and reports whether it did.
func (b *Back) retire(w *worker) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(w.queue) > 0 {
		return false
	}
	delete(b.workers, w.subject)
	return true
}

// Close takes no more commands, answers those that wait with an error, and ends the designers that were started.
func (b *Back) Close() {
	b.mu.Lock()
	service, workers := b.service, b.workers
	b.service, b.workers = nil, nil
	b.mu.Unlock()
	if service != nil {
		service.Close()
	}
	b.cancel()
	for _, w := range workers {
		w.interrupt()
	}
	if b.config.Spawner != nil {
		b.config.Spawner.Close()
	}
	// A reply waits for a connection to NATS, until the link is closed.
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.working.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(time.Second):
	}
}

// Report returns the state of the back.
func (b *Back) Report() Report {
	b.mu.Lock()
	workers := b.workers
	report := Report{Counters: b.counters.values(), Runs: []RunReport{}}
	var all []*worker
	for _, w := range workers {
		all = append(all, w)
	}
	b.mu.Unlock()
	for _, w := range all {
		report.Runs = append(report.Runs, w.report())
	}
	return report
}

// Instance returns the private subject of this back, with the wildcard if the subject has one.
func (b *Back) Instance() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.service == nil {
		return ""
	}
	return b.service.Instance()
}

// allowedValue is what a wildcard may stand for. It becomes part of file names and of the arguments of a program, so it
// has no character that means something there, and does not look like a flag.
var allowedValue = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// wildcardValue returns what the wildcard of a subject stands for in a subject without one.
func wildcardValue(pattern, subject string) (string, error) {
	names, values := strings.Split(pattern, "."), strings.Split(subject, ".")
	if len(names) != len(values) {
		return "", fmt.Errorf("%s is none of the subjects %s", subject, pattern)
	}
	for i, name := range names {
		if name != "*" {
			continue
		}
		if value := values[i]; allowedValue.MatchString(value) && value != logName {
			return value, nil
		}
		return "", errors.New("the name of an experiment has 1 to 64 letters, digits, - and _, begins with a letter or digit, and is not " + logName)
	}
	return "", nil
}

// logName is the last name of LogSubject.
const logName = "log"
