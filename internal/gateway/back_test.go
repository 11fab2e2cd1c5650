package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"libobe/internal/script"
	"libobe/internal/socket"
	"libobe/internal/standin"
	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

// faulty runs a stand-in that answers as a script says.
func faulty(t *testing.T, text string) string {
	t.Helper()
	answers, err := script.Parse("replies.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := standin.New(standin.Config{
		Listener: listener, Script: answers, Report: func(standin.Message) {}, Wrong: func(standin.Event, string) {},
		Last: func([]byte, int) bool { return false },
	})
	go s.Serve()
	t.Cleanup(s.Close)
	return listener.Addr().String()
}

// Each fault of a server becomes an error that says what it is, over kept connections, too.
func TestServerFaults(t *testing.T) {
	nats := natsserver.Start(t)
	at := faulty(t, `
[[answer]]
command = "close"
fault = "close"
[[answer]]
command = "reset"
fault = "reset"
[[answer]]
command = "garbage"
fault = "garbage"
[[answer]]
command = "half"
fault = "half"
[[answer]]
command = "silence"
fault = "silence"
[[answer]]
command = "stall"
fault = "stall"
[[answer]]
command = "no JSON"
raw = "0000000003abc"
[[answer]]
command = "large"
raw = "0099999999[1"
[otherwise]
reply = "OK"
`)
	nothing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unused := nothing.Addr().String()
	nothing.Close()
	for _, kept := range []string{"0", "1"} {
		name := "obe.fault" + kept
		back, told := newBack(t, BackConfig{Link: newLink(t, nats), Subject: name, Connect: connectTo(at, "persistent", kept), Timeout: time.Minute})
		_, front, _ := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: name})
		_, impatient, _ := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: name, Timeout: 300 * time.Millisecond})
		c, hasty := instrument(t, front), instrument(t, impatient)
		for fault, want := range map[string]string{
			"close":   "ended the connection without a whole reply",
			"half":    "ended the connection without a whole reply",
			"reset":   "reset the connection",
			"garbage": "does not speak the protocol",
			"no JSON": "is not JSON",
			"large":   "larger than 67108864 bytes, the --max-message",
		} {
			expectError(t, c, fmt.Sprintf(`{"command": %q}`, fault), want)
			expect(t, c, optSet, `"OK"`)
		}
		for _, fault := range []string{"silence", "stall"} {
			// The front and the back wait equally long, and either may be first.
			expectError(t, hasty, fmt.Sprintf(`{"command": %q}`, fault), "not")
			expect(t, hasty, optSet, `"OK"`)
		}
		if errors := back.Report().Counters["errors"]; errors < 6 || told.counted(EventServer) < 6 {
			t.Errorf("%d errors, %v", errors, told.texts)
		}

		name = "obe.absent" + kept
		newBack(t, BackConfig{Link: newLink(t, nats), Subject: name, Connect: connectTo(unused, "persistent", kept)})
		_, front, _ = newFront(t, FrontConfig{Link: newLink(t, nats), Subject: name})
		expectError(t, instrument(t, front), optSet, "the server at "+unused+" is not there: start it, or compare its address with --to; the command was not executed")
	}
}

// A server that does not answer gets the time that the asker has, and without that its own limit.
func TestServerTimeout(t *testing.T) {
	nats := natsserver.Start(t)
	s, _ := askedServer(t)
	newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.time", Connect: connectTo(s.socket.Name()), Timeout: 200 * time.Millisecond})
	reply, err := newLink(t, nats).Conn().Request("obe.time", []byte(optSet), systemtest.Timeout)
	if err != nil || reply.Header.Get(HeaderStatus) != StatusTimeout || !strings.Contains(string(reply.Data), "has not answered within ") {
		t.Errorf("%+v, %v", reply, err)
	}
}

// What is no JSON never reaches the server, which a Python original would not survive.
func TestOnlyJSONReachesTheServer(t *testing.T) {
	nats := natsserver.Start(t)
	s := newServer(t, nil)
	newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.text", Connect: connectTo(s.socket.Name()), MaxMessage: 1000})
	conn := newLink(t, nats).Conn()
	for body, want := range map[string]string{
		"": StatusArgument, "optset": StatusArgument, `{"command": "optset"`: StatusArgument, "\xff": StatusArgument, `{"command": "optset"}{}`: StatusArgument,
		`"` + strings.Repeat("a", 1000) + `"`: StatusTooLarge,
		optSet:                                "", `{"command": 5}`: "", `"text"`: "",
	} {
		reply, err := conn.Request("obe.text", []byte(body), systemtest.Timeout)
		if err != nil || reply.Header.Get(HeaderStatus) != want {
			t.Errorf("%.50q: %+v, %v", body, reply, err)
		}
	}
	if n := len(s.commands()); n != 3 {
		t.Errorf("%d messages came: %q", n, s.commands())
	}
}

// A command whose sender has stopped waiting is not executed, and more than the queue holds are refused at once.
func TestQueueOfAServer(t *testing.T) {
	nats := natsserver.Start(t)
	release := make(chan struct{})
	began := make(chan struct{}, 1)
	s := newServer(t, func(body []byte) []byte {
		if strings.Contains(string(body), "slow") {
			began <- struct{}{}
			<-release
		}
		return []byte(`"OK"`)
	})
	back, told := newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.queue", Connect: connectTo(s.socket.Name())})
	link := newLink(t, nats)
	slow := make(chan error)
	go func() {
		_, err := ask(link, "obe.queue", `{"command": "slow"}`)
		slow <- err
	}()
	within(t, began)
	_, err := link.Ask(context.Background(), Ask{Subject: "obe.queue", Body: []byte(`{"command": "expired"}`), Deadline: time.Now().Add(100 * time.Millisecond)})
	if !errors.Is(err, ErrTimeout) {
		t.Errorf("a command behind a slow one: %v", err)
	}
	waiting := make(chan error, maxInFlight)
	for range maxInFlight - 1 {
		go func() {
			_, err := ask(link, "obe.queue", `{"command": "waiting"}`)
			waiting <- err
		}()
	}
	back.mu.Lock()
	queue := back.workers["obe.queue"].queue
	back.mu.Unlock()
	for limit := time.Now().Add(systemtest.Timeout); len(queue) < maxInFlight && time.Now().Before(limit); {
		time.Sleep(time.Millisecond)
	}
	_, err = ask(link, "obe.queue", `{"command": "beyond"}`)
	if !errors.Is(err, ErrBusy) || !strings.Contains(fmt.Sprint(err), "busy: 1024 commands wait for the designer at obe.queue; the command was not executed") {
		t.Errorf("a command beyond the queue: %v", err)
	}
	close(release)
	if err := within(t, slow); err != nil {
		t.Error(err)
	}
	for range maxInFlight - 1 {
		if err := within(t, waiting); err != nil {
			t.Error(err)
		}
	}
	if s.times("expired") != 0 || s.times("beyond") != 0 || s.times("waiting") != maxInFlight-1 {
		t.Errorf("%d expired, %d beyond, %d waiting", s.times("expired"), s.times("beyond"), s.times("waiting"))
	}
	counters := back.Report().Counters
	if counters["expired"] != 1 || counters["busy"] != 1 || told.counted(EventExpired) != 1 || told.counted(EventBusy) != 1 {
		t.Errorf("%v, %v", counters, told.texts)
	}
}

// The queue is bounded by the size of its messages, too.
func TestQueueOfLargeMessages(t *testing.T) {
	w := newWorker(NewBack(BackConfig{MaxMessage: 1000}), "obe.a", "")
	large := func(n int) *Request { return &Request{Body: make([]byte, n)} }
	if !w.add(large(1500)) || !w.add(large(500)) || w.add(large(1)) || w.add(large(5000)) {
		t.Error("two messages of 1000 bytes are not the limit")
	}
	w.taken(<-w.queue)
	if !w.add(large(1500)) {
		t.Error("no room after a message was taken")
	}
	if w := newWorker(NewBack(BackConfig{MaxMessage: 1000}), "obe.a", ""); !w.add(large(5000)) {
		t.Error("one message alone has to fit")
	}
	// Four are the limit for all subjects together.
	other := newWorker(w.back, "obe.b", "")
	if !other.add(large(2000)) || other.add(large(1)) || newWorker(w.back, "obe.c", "").add(large(1)) {
		t.Error("four messages of 1000 bytes are not the limit for all subjects")
	}
	if w.bytes.Load()+other.bytes.Load() != w.back.bytes.Load() || w.back.bytes.Load() != 4000 {
		t.Errorf("%d and %d bytes, together %d", w.bytes.Load(), other.bytes.Load(), w.back.bytes.Load())
	}
}

// A subject has one designer.
func TestSubjectIsInUse(t *testing.T) {
	nats := natsserver.Start(t)
	s := newServer(t, nil)
	first, _ := newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.one", Connect: connectTo(s.socket.Name())})
	ctx, cancel := context.WithTimeout(context.Background(), systemtest.Timeout)
	defer cancel()
	second, _ := backOf(t, BackConfig{Link: newLink(t, nats), Subject: "obe.one", Connect: connectTo(s.socket.Name())})
	if err := second.Serve(ctx); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "obe.one is in use: another designer's gateway serves it ("+first.Instance()+")") {
		t.Error(err)
	}
	// One for all experiments of a lab serves each of them.
	lab, _ := newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.lab.*", Connect: connectTo(s.socket.Name())})
	for _, subject := range []string{"obe.lab.*", "obe.lab.nv3"} {
		b, _ := backOf(t, BackConfig{Link: newLink(t, nats), Subject: subject, Connect: connectTo(s.socket.Name())})
		if err := b.Serve(ctx); !errors.Is(err, ErrInUse) {
			t.Errorf("%s: %v", subject, err)
		}
	}
	lab.Close()
	first.Close()
	again, _ := backOf(t, BackConfig{Link: newLink(t, nats), Subject: "obe.one", Connect: connectTo(s.socket.Name())})
	if err := again.Serve(ctx); err != nil {
		t.Error(err)
	}
}

// Of many that try to take a subject at the same time, at most one has it, and a command goes to that one.
func TestRaceForASubject(t *testing.T) {
	nats := natsserver.Start(t)
	s := newServer(t, nil)
	const n = 6
	var links [n]*Link
	for i := range links {
		links[i] = newLink(t, nats)
	}
	ctx, cancel := context.WithTimeout(context.Background(), systemtest.Timeout)
	defer cancel()
	results := make(chan error, n)
	var backs [n]*Back
	var ready sync.WaitGroup
	ready.Add(n)
	for i := range n {
		backs[i], _ = backOf(t, BackConfig{Link: links[i], Subject: "obe.race", Connect: connectTo(s.socket.Name())})
		go func() {
			ready.Done()
			ready.Wait()
			results <- backs[i].Serve(ctx)
		}()
	}
	have := 0
	for range n {
		if err := within(t, results); err == nil {
			have++
		} else if !errors.Is(err, ErrInUse) {
			t.Error(err)
		}
	}
	if have > 1 {
		t.Fatalf("%d have the subject", have)
	}
	if have == 0 { // unlikely, and the error says it: then one alone gets it
		if err := backs[0].Serve(ctx); err != nil {
			t.Fatal(err)
		}
	}
	_, at, _ := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.race"})
	expect(t, instrument(t, at), newRun, `"OK"`)
}

// Of two designers that a cut link has brought to one subject, one leaves it, and takes it again when the other is gone.
func TestOneOfTwoDesignersLeaves(t *testing.T) {
	nats := natsserver.Start(t)
	s := newServer(t, nil)
	ctx := context.Background()
	var backs []*Back
	var told []*events
	for range 2 {
		b, e := backOf(t, BackConfig{Link: newLink(t, nats), Subject: "obe.two", Connect: connectTo(s.socket.Name())})
		if err := b.join(ctx); err != nil { // as on both sides of a cut link
			t.Fatal(err)
		}
		backs, told = append(backs, b), append(told, e)
	}
	var yielded [2]bool
	for i, b := range backs {
		rival, err := b.rival(ctx)
		if err != nil || rival == "" {
			t.Fatal(rival, err)
		}
		yielded[i] = b.settle(rival, false)
		if told[i].counted(EventRival) != 1 {
			t.Error(told[i].texts)
		}
		if yielded[i] {
			if err := b.config.Link.Conn().Flush(); err != nil {
				t.Fatal(err)
			}
			break // the other one sees it no more
		}
	}
	stays, leaves := 0, 1
	if yielded[0] {
		stays, leaves = 1, 0
	} else if !yielded[1] {
		t.Fatal("none has left the subject")
	}
	if rival, err := backs[stays].rival(ctx); rival != "" || err != nil {
		t.Errorf("%s is still there; %v", rival, err)
	}
	// The run of the one that has left goes on.
	asker := newLink(t, nats)
	if _, err := asker.Ask(ctx, Ask{Subject: backs[leaves].Instance(), Private: true, Body: []byte(optSet), Deadline: time.Now().Add(systemtest.Timeout)}); err != nil {
		t.Error(err)
	}
	if answer, err := ask(asker, "obe.two", optSet); err != nil || answer.Server != backs[stays].Instance() {
		t.Errorf("%+v, %v", answer, err)
	}
	backs[stays].Close()
	if err := backs[stays].config.Link.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	rival, err := backs[leaves].rival(ctx)
	if rival != "" || err != nil {
		t.Fatal(rival, err)
	}
	if backs[leaves].settle("", true) {
		t.Error("the subject is not taken again")
	}
	if err := backs[leaves].config.Link.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	if answer, err := ask(asker, "obe.two", optSet); err != nil || answer.Server != backs[leaves].Instance() {
		t.Errorf("%+v, %v", answer, err)
	}
}

// Commands that come while it is not certain whether the subject is free wait, and are executed by the one that has it.
func TestCommandsWaitForTheClaim(t *testing.T) {
	nats := natsserver.Start(t)
	s := newServer(t, nil)
	b, _ := backOf(t, BackConfig{Link: newLink(t, nats), Subject: "obe.claim", Connect: connectTo(s.socket.Name())})
	b.claiming = true
	if err := b.join(context.Background()); err != nil {
		t.Fatal(err)
	}
	link := newLink(t, nats)
	answered := make(chan error, 1)
	askOnce := func() {
		_, err := ask(link, "obe.claim", optSet)
		answered <- err
	}
	held := func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.held) == 1
	}
	go askOnce()
	for limit := time.Now().Add(systemtest.Timeout); !held() && time.Now().Before(limit); {
		time.Sleep(time.Millisecond)
	}
	if len(s.commands()) != 0 {
		t.Error("a command was executed before the claim")
	}
	b.claimed()
	if err := within(t, answered); err != nil || len(s.commands()) != 1 {
		t.Error(err, s.commands())
	}
	b.mu.Lock()
	b.claiming = true
	b.mu.Unlock()
	go askOnce()
	for limit := time.Now().Add(systemtest.Timeout); !held() && time.Now().Before(limit); {
		time.Sleep(time.Millisecond)
	}
	b.leave()
	if err := within(t, answered); !errors.Is(err, ErrBusy) || len(s.commands()) != 1 {
		t.Error(err, s.commands())
	}
}

// Designers that share a subject each hold the run of one gateway. No instrument uses the posterior of another one
// without knowing.
func TestSharedSubject(t *testing.T) {
	nats := natsserver.Start(t)
	var servers []*server
	for range 2 {
		s := newServer(t, nil)
		servers = append(servers, s)
		newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.shared", Queue: "designers", Connect: connectTo(s.socket.Name())})
	}
	front := func(name string) (*Front, *socket.Client) {
		f, at, _ := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.shared", Name: name})
		return f, instrument(t, at)
	}
	left, a := front("left")
	right, b := front("right")
	expectError(t, a, optSet, "several designers share obe.shared: begin with newrun")
	expectError(t, a, done, "several designers share obe.shared: begin with newrun")
	expect(t, a, ready, `"OK"`)
	expect(t, a, `{"command": "describe"}`, `"OK"`)
	expect(t, a, newRun, `"OK"`)
	expect(t, b, newRun, `"OK"`)
	if l, r := left.Report().Runs[0].Designer, right.Report().Runs[0].Designer; l == r || l == "" || r == "" {
		t.Fatalf("the designers are %s and %s", l, r)
	}
	for range 20 {
		expect(t, a, `{"command": "newdat", "from": "left"}`, `"OK"`)
		expect(t, b, `{"command": "newdat", "from": "right"}`, `"OK"`)
	}
	for _, s := range servers {
		if l, r := s.times("left"), s.times("right"); l+r != 20 || l*r != 0 {
			t.Errorf("a designer has %d measurements of the left and %d of the right", l, r)
		}
	}
	// Both hold a run. A newrun of their own gateways is for the same designer, also after a restart of the gateway.
	_, c := front("third")
	expectError(t, c, newRun, "holds the run of another instrument")
	held := left.Report().Runs[0].Designer
	expect(t, a, newRun, `"OK"`)
	if again := left.Report().Runs[0].Designer; again != held {
		t.Errorf("newrun went to %s, and the run was at %s", again, held)
	}
	left.Close()
	restarted, a := front("left")
	expectError(t, a, optSet, "begin with newrun")
	expect(t, a, newRun, `"OK"`)
	if again := restarted.Report().Runs[0].Designer; again != held {
		t.Errorf("newrun went to %s, and the run was at %s", again, held)
	}
	// After done the designer is free.
	expect(t, b, done, `"OK"`)
	expect(t, c, newRun, `"OK"`)
	expectError(t, b, optSet, "begin with newrun")
}

// A designer that is no longer used gives up its run. The instrument that had it is told.
func TestSharedRunIsGivenUp(t *testing.T) {
	nats := natsserver.Start(t)
	s := newServer(t, nil)
	newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.idle", Queue: "designers", Connect: connectTo(s.socket.Name()), Idle: 200 * time.Millisecond})
	front := func(name string) *socket.Client {
		_, at, _ := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.idle", Name: name})
		return instrument(t, at)
	}
	a, b := front("a"), front("b")
	expect(t, a, newRun, `"OK"`)
	expect(t, a, optSet, `"OK"`)
	for limit := time.Now().Add(systemtest.Timeout); tcmd(t, b, newRun) != `"OK"`; {
		if time.Now().After(limit) {
			t.Fatal("the run is not given up")
		}
	}
	executed := s.times("optset")
	expectError(t, a, optSet, "this designer of obe.idle has no longer the run of this instrument: begin with newrun")
	if s.times("optset") != executed {
		t.Error("the command was executed with the posterior of another run")
	}
}

// With a wildcard each subject has its own server, and a value is nothing but a name.
func TestServerForEachSubject(t *testing.T) {
	nats := natsserver.Start(t)
	directory := systemtest.TempDir(t)
	servers := map[string]*socket.Server{}
	for _, name := range []string{"nv3", "nv4"} {
		s, err := socket.NewServer("unix:"+filepath.Join(directory, name+".sock"), 0)
		if err != nil {
			t.Skip(err)
		}
		servers[name] = s
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = s.Serve(func(m *socket.Message) { _ = m.Reply(fmt.Appendf(nil, "%q", name), systemtest.Timeout) }, nil)
		}()
		t.Cleanup(func() {
			s.Free()
			<-ended
		})
	}
	back, _ := newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.lab1.*", Connect: func(value string) (*socket.Client, error) {
		return connectTo("unix:" + filepath.Join(directory, value+".sock"))("")
	}})
	for name := range servers {
		_, at, _ := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.lab1." + name})
		c := instrument(t, at)
		expect(t, c, newRun, `"`+name+`"`)
		expect(t, c, optSet, `"`+name+`"`)
	}
	conn := newLink(t, nats).Conn()
	for _, value := range []string{"..", "-flag", "a/b", "..%2f", "a b", "$(id)", "a;b", "ä", strings.Repeat("a", 65), "a\\b", "nv3\x00", "log", "_who2", "a'b", "~", "C:"} {
		if strings.ContainsAny(value, ". ") {
			continue // no name of a subject
		}
		reply, err := conn.Request("obe.lab1."+value, []byte(optSet), systemtest.Timeout)
		if err == nil && reply.Header.Get(HeaderStatus) != StatusArgument {
			t.Errorf("%q: %s %s", value, reply.Header, reply.Data)
		}
	}
	for _, run := range back.Report().Runs {
		if run.Subject != "obe.lab1.nv3" && run.Subject != "obe.lab1.nv4" {
			t.Errorf("%+v", run)
		}
	}
}

func TestWildcardValue(t *testing.T) {
	for subject, want := range map[string]string{
		"obe.nv3.x": "nv3", "obe.A-_9.x": "A-_9", "obe.-a.x": "", "obe._a.x": "", "obe.log.x": "", "obe.a/b.x": "", "obe..x": "", "obe.a": "",
		"obe.a.b.x": "", "obe." + strings.Repeat("a", 64) + ".x": strings.Repeat("a", 64), "obe." + strings.Repeat("a", 65) + ".x": "",
	} {
		if got, err := wildcardValue("obe.*.x", subject); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", subject, got, err)
		}
	}
}

// Close answers the commands that wait, and ends the one that is with the server.
func TestBackCloses(t *testing.T) {
	nats := natsserver.Start(t)
	s, asked := askedServer(t)
	back, _ := newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.ends", Connect: connectTo(s.socket.Name())})
	link := newLink(t, nats)
	failed := make(chan error, 3)
	for range 3 {
		go func() {
			_, err := ask(link, "obe.ends", optSet)
			failed <- err
		}()
	}
	within(t, asked)
	for limit := time.Now().Add(systemtest.Timeout); back.counters.commands.Load() < 3 && time.Now().Before(limit); {
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	back.Close()
	if took := time.Since(began); took > systemtest.Soon {
		t.Errorf("closed after %v", took)
	}
	known := 0
	for range 3 {
		err := within(t, failed)
		var status *StatusError
		if !errors.As(err, &status) || !strings.Contains(status.Sentence, "is ending") {
			t.Error(err)
		} else if status.Status == StatusState {
			known++
		}
	}
	if known != 2 || len(s.commands()) != 1 {
		t.Errorf("%d commands were certainly not executed, %d were", known, len(s.commands()))
	}
}
