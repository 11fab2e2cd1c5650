// Package monitor is what obe watch shows: a model of the runs that is fed with the messages of
// a trace or of a proxy, and the HTTP server of the page.
//
// The one thing to know first: feeding never waits for a browser. A [Model] is fed, and holds a
// bounded amount of memory whatever it is fed with. The server looks at it at most four times
// a second, encodes one frame for all browsers that look at the same thing, and each browser
// gets the newest frame when it can take it.
package monitor

import (
	"bytes"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"libobe/internal/conversation"
	"libobe/internal/excerpt"
	"libobe/internal/jsondoc"
	"libobe/internal/trace"
)

// Model is what is known of the runs. Its methods may be called from several goroutines.
type Model struct {
	title       string
	connections func() (open, total int64)
	made        time.Time // when the model was made
	seed        maphash.Seed
	version     atomic.Uint64

	mu       sync.Mutex
	messages int64
	ended    bool
	problem  string
	damaged  int

	links       recent[trace.Connection, *link]
	unpaired    recent[ends, *unpaired]
	servers     recent[string, *server]
	names       conversation.Servers
	clients     recent[string, *client]
	waiting     int   // commands without a reply
	established int64 // connections that had a command

	runs    []*run // that are kept
	begun   int    // of all
	numbers int    // that the tables of all runs have
	most    int    // of numbers: maxNumbers, less in tests

	errors    int64
	lastError *Failure

	described *description // of servers that have not described themselves
}

// server is what is known of a server.
type server struct {
	description *description
	// current is the run that it works on. isListed is false until it has a measurement, if
	// there was no newrun.
	current  *run
	isListed bool
}

// client is a host whose programs have sent commands.
type client struct {
	host     string
	messages int64
	last     time.Time
}

// Failure is a reply with an error, or what a proxy tells.
type Failure struct {
	Time stamp  `json:"time"`
	Peer string `json:"peer"`
	Text string `json:"text"`
}

// The bounds of a model.
const (
	maxRuns    = 1000
	maxServers = 256
	maxClients = 256
	// maxLinks is how many connections are known: more than are open at a time.
	maxLinks = 4096
	// maxWaiting is how many commands may wait for a reply, of all connections together.
	maxWaiting = 1 << 16
	maxText    = 500 // bytes of an error
)

// New returns a model. title is what is watched, for people. connections returns how many
// connections are open and were made, and is nil if only the messages tell.
func New(title string, connections func() (open, total int64)) *Model {
	return &Model{title: title, connections: connections, made: time.Now(), seed: maphash.MakeSeed(), most: maxNumbers}
}

// Describe gives the names and units of servers that have not described themselves. It takes
// what a reply of describe has, and is called before the first message.
func (m *Model) Describe(text []byte) { m.described = parseDescription(text) }

// kind is what a command means for the page.
type kind int

const (
	otherCommand kind = iota
	newRunCommand
	settingCommand
	dataCommand
	meanCommand
	stdCommand
	describeCommand
)

// kinds are the words that a command of each kind contains: optbayesexpt finds the word
// anywhere in the command.
var kinds = []struct {
	word string
	kind kind
}{
	{"newrun", newRunCommand}, {"optset", settingCommand}, {"goodset", settingCommand}, {"newdat", dataCommand},
	{"getmean", meanCommand}, {"getstd", stdCommand}, {"describe", describeCommand},
}

func kindOf(name string) kind {
	for _, k := range kinds {
		if strings.Contains(name, k.word) {
			return k.kind
		}
	}
	return otherCommand
}

// Add feeds a message. The model does not keep its body. isLive says that the message
// has just been exchanged, and counts for the rate.
func (m *Model) Add(e *trace.Entry, isLive bool) {
	place, known := conversation.PlaceOf(&e.Record)
	if !known {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.version.Add(1)
	m.messages++
	m.names.Learn(&e.Record)
	at := m.links.find(e.OnConnection(), maxLinks, func() *link { return &link{} }, m.forgetLink)
	if place.IsCommand {
		m.command(place, at, e)
		return
	}
	x := at.answered(&e.Record)
	if x == nil {
		return // the command came before the trace
	}
	m.waiting--
	if x.answered {
		return // the other side has recorded the reply
	}
	x.answered = true
	m.count(x.host, e.Time)
	m.reply(x, e, isLive)
	x.settings, x.values, x.sigma = nil, nil, nil
}

func (m *Model) command(c conversation.Place, at *link, e *trace.Entry) {
	if e.Role == "server" && (e.Connection > 0 || !strings.HasPrefix(c.Client, "unix:")) || m.waiting >= maxWaiting {
		// A server takes the next command of a connection after it has answered the one
		// before, or has given it up.
		m.forgetLink(at)
	}
	side := 0
	if c.ByClient {
		side = 1
	}
	copies := m.unpaired.find(ends{c.ClientName(), c.Server}, maxLinks, func() *unpaired { return &unpaired{} }, func(*unpaired) {})
	text := maphash.Bytes(m.seed, e.Body)
	x := copies.pair(side, text, e.Time)
	if x == nil {
		x = m.newExchange(c, e, text)
		copies.add(side, x)
		m.count(x.host, e.Time)
		if !at.isKnown && x.host != "" {
			m.established++
		}
	}
	at.isKnown = true
	at.waiting = append(at.waiting, x)
	m.waiting++
}

// forgetLink makes the commands of a connection wait no longer.
func (m *Model) forgetLink(l *link) {
	m.waiting -= len(l.waiting)
	l.waiting = nil
}

func (m *Model) newExchange(c conversation.Place, e *trace.Entry, text uint64) *exchange {
	command := e.Record
	command.Body = nil
	name := conversation.Command(e)
	x := &exchange{
		kind: kindOf(name), name: excerpt.Cut(name, maxName), command: command, text: text,
		server: m.servers.find(m.names.Name(c.Server), maxServers, func() *server { return &server{description: m.described} }, m.forgetServer),
		host:   excerpt.Cut(c.Host(), maxName),
	}
	if x.kind == dataCommand && !e.Cut {
		for key, value := range jsondoc.Members(e.Body) {
			switch string(key) {
			case `"x"`:
				x.settings, _ = numbers(value, maxSettings)
			case `"y"`:
				x.values, _ = numbers(value, maxChannels)
			case `"s"`:
				x.sigma, _ = numbers(value, maxChannels)
			}
		}
	}
	return x
}

// count counts a message of a client.
func (m *Model) count(host string, at time.Time) {
	if host == "" { // the server itself
		return
	}
	c := m.clients.find(host, maxClients, func() *client { return &client{host: host} }, func(*client) {})
	c.messages++
	c.last = at
}

// forgetServer forgets a server. Its runs are kept.
func (m *Model) forgetServer(s *server) {
	if s.current != nil && !s.isListed {
		m.numbers -= s.current.size()
	}
}

// reply applies the reply to a command.
func (m *Model) reply(x *exchange, e *trace.Entry, isLive bool) {
	if x.server.current != nil {
		x.server.current.last = e.Time
	}
	if text, failed := errorIn(e); failed {
		if x.name != "" {
			text = x.name + ": " + text
		}
		m.fail(Failure{stamp(e.Time), x.host, text})
		return
	}
	if e.Cut {
		return
	}
	switch x.kind {
	case newRunCommand:
		if isOK(e.Body) {
			m.begin(x.server, x.command.Time, e.Time)
		}
	case dataCommand:
		if isOK(e.Body) {
			m.measured(x, e.Time, isLive)
		}
	case settingCommand:
		if found, ok := numbers(e.Body, maxSettings); ok {
			m.change(m.run(x), func(r *run) { r.choose(found) })
		}
	case meanCommand, stdCommand:
		group := meanGroup
		if x.kind == stdCommand {
			group = stdGroup
		}
		if found, ok := numbers(e.Body, maxParameters); ok {
			m.change(m.run(x), func(r *run) { r.estimate(group, found) })
		}
	case describeCommand:
		if d := parseDescription(e.Body); d != nil {
			x.server.description = d
		}
		if trust := trustIn(e.Body); trust != nil {
			r := m.run(x)
			trust.Measurements = r.measurements
			r.trust = trust
		}
	}
}

// begin begins a run of a server.
func (m *Model) begin(s *server, began, last time.Time) {
	if s.current != nil && !s.isListed {
		m.numbers -= s.current.size()
	}
	s.current = newRun(s, began)
	s.current.last = last
	m.list(s)
}

// list adds the current run of a server to the runs.
func (m *Model) list(s *server) {
	m.begun++
	s.isListed = true
	s.current.number = m.begun
	if len(m.runs) >= maxRuns {
		m.numbers -= m.runs[0].size()
		m.runs[0].isDropped = true
		m.runs = slices.Delete(m.runs, 0, 1)
	}
	m.runs = append(m.runs, s.current)
}

// run returns the run that an exchange belongs to. Without a newrun it is one that is not
// listed until it has a measurement: servers are asked whether they are ready, and for much
// else, before the first newrun.
func (m *Model) run(x *exchange) *run {
	s := x.server
	if s.current == nil || s.current.isDropped {
		s.current, s.isListed = newRun(s, x.command.Time), false
	}
	return s.current
}

func (m *Model) measured(x *exchange, at time.Time, isLive bool) {
	r := m.run(x)
	r.last = at
	if !x.server.isListed {
		m.list(x.server)
	}
	if isLive {
		r.rate.add(time.Since(m.made))
	}
	m.change(r, func(r *run) { r.measure(x.settings, x.values, x.sigma) })
}

// change changes the tables of a run, and thins the largest ones if all have become too large.
func (m *Model) change(r *run, f func(*run)) {
	before := r.size()
	f(r)
	m.numbers += r.size() - before
	for m.numbers > m.most {
		largest := &r.measured
		for _, each := range append(slices.Clip(m.runs), r) {
			for _, t := range each.tables() {
				if t.size() > largest.size() {
					largest = t
				}
			}
		}
		before := largest.size()
		largest.thin()
		if largest.size() == before {
			return
		}
		m.numbers -= before - largest.size()
	}
}

// isOK reports whether a reply is "OK".
func isOK(reply []byte) bool {
	text, err := jsondoc.FromValid(reply).String("")
	return err == nil && text == "OK"
}

// errorIn returns the error that a reply reports: an object with a member error that is not null.
func errorIn(reply *trace.Entry) (text string, failed bool) {
	if reply.Cut || !bytes.HasPrefix(bytes.TrimLeft(reply.Body, " \t\r\n"), []byte("{")) {
		return "", false
	}
	d := jsondoc.FromValid(reply.Body)
	kind, err := d.Type("/error")
	if err != nil || kind == jsondoc.Null {
		return "", false
	}
	if text, err := d.String("/error"); err == nil {
		return text, true
	}
	value, _ := d.JSON("/error")
	return string(value), true
}

func (m *Model) fail(f Failure) {
	f.Text = excerpt.Cut(f.Text, maxText)
	m.errors++
	m.lastError = &f
}

// Tell feeds what people should know and is no message, such as that the server refuses
// connections.
func (m *Model) Tell(peer, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.version.Add(1)
	m.fail(Failure{stamp(time.Now()), peer, text})
}

// SetDamaged sets how many lines of the trace could not be read.
func (m *Model) SetDamaged(lines int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.damaged != lines {
		m.damaged = lines
		m.version.Add(1)
	}
}

// End says that nothing more will come, and why, if it is a problem.
func (m *Model) End(problem error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.version.Add(1)
	m.ended = true
	if problem != nil {
		m.problem = problem.Error()
	}
}
