package gateway

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"

	"libobe/internal/socket"
	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

const gone = "the designer that held this run is gone; begin with newrun"

// A run stays with its designer. When that is gone, no command but newrun goes to another one.
func TestRunStaysWithItsDesigner(t *testing.T) {
	nats := natsserver.Start(t)
	first, second := newServer(t, nil), newServer(t, nil)
	back, _ := newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.pin", Connect: connectTo(first.socket.Name())})
	front, at, _ := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.pin"})
	c := instrument(t, at)
	expect(t, c, newRun, `"OK"`)
	expect(t, c, optSet, `"OK"`)
	if run := front.Report().Runs[0]; run.State != "run" || run.Designer != back.Instance() {
		t.Errorf("%+v", run)
	}

	// Another designer has taken the subject: the run goes on where it is.
	back.service.Yield()
	newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.pin", Connect: connectTo(second.socket.Name())})
	expect(t, c, optSet, `"OK"`)
	expect(t, c, ready, `"OK"`) // of any designer
	if first.times("optset") != 2 || second.times("optset") != 0 {
		t.Errorf("%q, %q", first.commands(), second.commands())
	}

	back.Close()
	for range 2 {
		expectError(t, c, optSet, gone)
	}
	expect(t, c, ready, `"OK"`)
	expectError(t, c, done, gone)
	if report := front.Report(); report.Runs[0].State != "lost" || report.Counters["lost"] != 3 {
		t.Errorf("%+v", report)
	}
	if got := fmt.Sprint(second.commands()); got != fmt.Sprint([]string{ready, ready}) {
		t.Errorf("the other designer has executed %s", got)
	}
	expect(t, c, newRun, `"OK"`)
	expect(t, c, optSet, `"OK"`)
	if second.times("newrun") != 1 || second.times("optset") != 1 {
		t.Errorf("%q", second.commands())
	}
	// done ends a designer, so that the next command goes to whichever is there.
	expect(t, c, done, `"OK"`)
	if run := front.Report().Runs[0]; run.State != "idle" || run.Designer != "" {
		t.Errorf("%+v", run)
	}
}

// A newrun that the designer refuses leaves the run as it was, and so does a timeout.
func TestRunSurvivesRefusalAndTimeout(t *testing.T) {
	nats := natsserver.Start(t)
	s := newServer(t, func(body []byte) []byte {
		switch {
		case strings.Contains(string(body), "bad"):
			return []byte(`{"error": "no such parameter", "command": "newrun"}`)
		case strings.Contains(string(body), "silent"):
			return nil
		}
		return []byte(`"OK"`)
	})
	newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.kept", Connect: connectTo(s.socket.Name())})
	front, at, _ := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.kept", Timeout: 300 * time.Millisecond})
	c := instrument(t, at)
	expect(t, c, newRun, `"OK"`)
	pinned := front.Report().Runs[0].Designer
	expectError(t, c, `{"command": "newrun", "bad": 1}`, "no such parameter")
	expectError(t, c, `{"command": "silent"}`, "not")
	if run := front.Report().Runs[0]; pinned == "" || run.Designer != pinned || run.State != "run" || run.Runs != 1 {
		t.Errorf("%+v, at first %s", run, pinned)
	}
}

// A gateway of instruments that is restarted in the middle of a run goes on with the designer of the subject.
func TestRunGoesOnAfterRestartOfTheFront(t *testing.T) {
	nats := natsserver.Start(t)
	s := newServer(t, nil)
	back, _ := newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.restart", Connect: connectTo(s.socket.Name())})
	for range 2 {
		front, at, _ := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.restart"})
		expect(t, instrument(t, at), optSet, `"OK"`)
		if run := front.Report().Runs[0]; run.Designer != back.Instance() {
			t.Errorf("%+v", run)
		}
		front.Close()
	}
}

// The NATS server ends while the gateway asks for a designer that can be sent a large command: it was not sent.
func TestQuestionBeforeALargeCommandBreaks(t *testing.T) {
	nats := natsserver.Start(t)
	asked := make(chan struct{}, 1)
	other := connect(t, nats)
	if _, err := other.Subscribe(WhoSubject("obe.large"), func(*natsgo.Msg) { asked <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	if err := other.Flush(); err != nil {
		t.Fatal(err)
	}
	_, at, _ := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.large", Timeout: systemtest.Timeout})
	c := instrument(t, at)
	done := make(chan struct{})
	go func() {
		defer close(done)
		expectError(t, c, `{"command": "newdat", "x": "`+strings.Repeat("a", 3<<20)+`"}`, "the command to obe.large was not sent: the connection to the NATS server at ")
	}()
	within(t, asked)
	nats.Kill()
	within(t, done)
}

// A designer that was without a connection to NATS for a while still has the run.
func TestRunGoesOnAfterReconnection(t *testing.T) {
	nats := natsserver.Start(t)
	s := newServer(t, nil)
	backEvents := newEvents()
	backLink := newLinkTo(t, Config{URL: nats.URL(), Events: backEvents.take})
	newBack(t, BackConfig{Link: backLink, Subject: "obe.again", Connect: connectTo(s.socket.Name())})
	frontEvents := newEvents()
	_, at, _ := newFront(t, FrontConfig{Link: newLinkTo(t, Config{URL: nats.URL(), Events: frontEvents.take}), Subject: "obe.again"})
	c := instrument(t, at)
	expect(t, c, newRun, `"OK"`)
	nats.Kill()
	frontEvents.await(t, EventDisconnected, 1)
	expectError(t, c, optSet, "there is no connection to the NATS server")
	nats.Restart()
	frontEvents.await(t, EventReconnected, 1)
	backEvents.await(t, EventReconnected, 1)
	if err := backLink.Conn().FlushTimeout(systemtest.Timeout); err != nil {
		t.Fatal(err)
	}
	expect(t, c, optSet, `"OK"`)
	if got := fmt.Sprint(s.commands()); got != fmt.Sprint([]string{newRun, optSet}) {
		t.Errorf("executed: %s", got)
	}
}

// Each failure is a reply with a sentence.
func TestFrontErrors(t *testing.T) {
	nats := natsserver.Start(t)
	link := newLink(t, nats)
	none, at, told := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.none"})
	c := instrument(t, at)
	expectError(t, c, optSet, "no designer listens at obe.none: start one")
	expectError(t, c, `{"command": "newdat", "x": "`+strings.Repeat("a", 3<<20)+`"}`, "no designer listens at obe.none")
	expectError(t, c, `"no command"`, "no designer listens")
	if report := none.Report(); report.Counters["errors"] != 3 || told.counted(EventFailed) != 3 || report.Runs[0].Problem == "" {
		t.Errorf("%+v, %v", report, told.texts)
	}

	// Another program answers at the subject.
	var answer atomic.Pointer[string]
	if _, err := link.Conn().Subscribe("obe.native", func(m *natsgo.Msg) {
		reply := natsgo.NewMsg(m.Reply)
		reply.Header.Set(HeaderID, m.Header.Get(HeaderID))
		reply.Header.Set(HeaderServer, "secret.>")
		reply.Data = []byte(*answer.Load())
		_ = m.RespondMsg(reply)
	}); err != nil {
		t.Fatal(err)
	}
	if err := link.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	native, at, _ := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.native", MaxMessage: 1000, Timeout: systemtest.Timeout})
	c = instrument(t, at)
	answers := func(text string) { answer.Store(&text) }
	answers(`{"a": }`)
	expectError(t, c, optSet, "the reply of the designer at obe.native is not JSON")
	answers(`"` + strings.Repeat("a", 1000) + `"`)
	expectError(t, c, optSet, "more than the 1000 that are allowed")
	answers(`[1]`)
	expect(t, c, optSet, `[1]`)
	if run := native.Report().Runs[0]; run.Designer != "" {
		t.Errorf("commands would go to %s", run.Designer)
	}

	// One that takes commands and does not answer.
	if _, err := link.Conn().Subscribe("obe.silent", func(*natsgo.Msg) {}); err != nil {
		t.Fatal(err)
	}
	if err := link.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	_, at, _ = newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.silent", Timeout: 200 * time.Millisecond})
	expectError(t, instrument(t, at), optSet, "no reply from obe.silent in time: whether the command was executed is not known")

	unsent := newLink(t, nats)
	_, at, _ = newFront(t, FrontConfig{Link: unsent, Subject: "obe.unsent"})
	unsent.Close()
	expectError(t, instrument(t, at), optSet, "was not sent")
}

// An instrument that waits for its designer waits for the designer, and not for the gateway: without NATS, without a
// gateway of the designer, and without the designer itself.
func TestReadyWaitsForTheDesigner(t *testing.T) {
	nats := natsserver.Start(t)
	front, at, _ := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.late"})
	waiting := make(chan error, 1)
	go func() { waiting <- instrument(t, at).WaitReady(systemtest.Timeout) }()
	stillWaits := func(what string) {
		t.Helper()
		select {
		case err := <-waiting:
			t.Fatalf("%s: wait_ready ended with %v", what, err)
		case <-time.After(3 * readyPause):
		}
	}
	stillWaits("no gateway")
	address := "unix:" + filepath.Join(systemtest.TempDir(t), "designer.sock")
	newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.late", Connect: connectTo(address)})
	stillWaits("no designer")
	designer, err := socket.NewServer(address, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(designer.Free)
	go func() {
		_ = designer.Serve(func(m *socket.Message) { _ = m.Reply([]byte(`"OK"`), systemtest.Timeout) }, nil)
	}()
	if err := <-waiting; err != nil {
		t.Error(err)
	}
	if report := front.Report(); report.Counters["errors"] != 0 {
		t.Errorf("%+v", report)
	}

	// The time is up at the gateway: the sentence says why.
	_, at, _ = newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.never", Timeout: 5 * readyPause})
	expectError(t, instrument(t, at), ready, "no designer listens at obe.never")
}

// More commands than may be under way are refused at once, and those under way get their replies.
func TestFrontIsBusy(t *testing.T) {
	nats := natsserver.Start(t)
	link := newLink(t, nats)
	var mu sync.Mutex
	var waiting []*natsgo.Msg
	came := make(chan struct{}, maxInFlight)
	if _, err := link.Conn().Subscribe("obe.slow", func(m *natsgo.Msg) {
		mu.Lock()
		defer mu.Unlock()
		waiting = append(waiting, m)
		came <- struct{}{}
	}); err != nil {
		t.Fatal(err)
	}
	if err := link.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	front, at, told := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.slow"})
	var asking sync.WaitGroup
	for range maxInFlight {
		c := instrument(t, at)
		asking.Go(func() {
			if reply, err := c.TcmdBody([]byte(optSet), systemtest.Timeout); err != nil || string(reply) != `"late"` {
				t.Errorf("%s, %v", reply, err)
			}
		})
	}
	for range maxInFlight {
		within(t, came)
	}
	c := instrument(t, at)
	expectError(t, c, optSet, "busy: this gateway already waits for the replies to 1024 commands with ")
	mu.Lock()
	for _, m := range waiting {
		reply := natsgo.NewMsg(m.Reply)
		reply.Header.Set(HeaderID, m.Header.Get(HeaderID))
		reply.Data = []byte(`"late"`)
		_ = m.RespondMsg(reply)
	}
	mu.Unlock()
	asking.Wait()
	if report := front.Report(); report.Counters["busy"] != 1 || told.counted(EventBusy) != 1 || report.Counters["replies"] != maxInFlight {
		t.Errorf("%+v, %v", report, told.texts)
	}
	front.Close()
	if front.bytes.Load() != 0 || len(front.slots) != 0 {
		t.Errorf("%d bytes and %d commands are still under way", front.bytes.Load(), len(front.slots))
	}
}

// Replies that instruments do not read have a bound.
func TestFrontBoundsUnreadReplies(t *testing.T) {
	nats := natsserver.Start(t)
	const size = 16 << 20 // more than the system holds
	s := newServer(t, func(body []byte) []byte {
		if strings.Contains(string(body), "large") {
			return []byte(`"` + strings.Repeat("a", size-2) + `"`)
		}
		return []byte(`"OK"`)
	})
	newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.unread", Connect: connectTo(s.socket.Name())})
	front, at, _ := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.unread", MaxMessage: size})
	if err := front.config.Server.SetOption("outgoing_limit", "0"); err != nil { // the library holds replies, too
		t.Fatal(err)
	}
	const large = `{"command": "large"}`
	for i := range maxUnsentReplies {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := fmt.Fprintf(conn, "%010d%s", len(large), large); err != nil {
			t.Fatal(err)
		}
		for limit := time.Now().Add(systemtest.Timeout); front.unsent.Load() < int64(i+1)*size; time.Sleep(time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatalf("%d bytes of replies", front.unsent.Load())
			}
		}
	}
	// A small reply has no room either, and the instrument learns that its command was executed.
	c := instrument(t, at)
	expectError(t, c, optSet, "the command was executed, and its reply of 4 bytes is lost")
	if s.times("optset") != 1 {
		t.Error(s.commands())
	}
}

// Instruments that disappear, send half a message or garbage delay no other one.
func TestFrontAndBrokenInstruments(t *testing.T) {
	nats := natsserver.Start(t)
	release := make(chan struct{})
	s := newServer(t, func(body []byte) []byte {
		if strings.Contains(string(body), "slow") {
			<-release
		}
		return []byte(`"OK"`)
	})
	newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.broken", Connect: connectTo(s.socket.Name())})
	front, at, _ := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.broken"})
	for _, text := range []string{"", "00000", `0000000022{"command":`, "GET / HTTP/1.1\r\n\r\n", `0000000003{"a`, "9999999999{"} {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	leaver, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := leaver.Write([]byte(`0000000019{"command": "slow"}`)); err != nil {
		t.Fatal(err)
	}
	for limit := time.Now().Add(systemtest.Timeout); s.times("slow") == 0 && time.Now().Before(limit); {
		time.Sleep(time.Millisecond) // the server tells only what it has executed
	}
	_ = leaver.(*net.TCPConn).SetLinger(0)
	leaver.Close()
	close(release)
	c := instrument(t, at)
	for range 10 {
		expect(t, c, optSet, `"OK"`)
	}
	if commands := front.Report().Counters["commands"]; commands != 11 {
		t.Errorf("%d commands", commands)
	}
}

// Close ends what is under way.
func TestFrontCloses(t *testing.T) {
	nats := natsserver.Start(t)
	s, asked := askedServer(t)
	newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.close", Connect: connectTo(s.socket.Name())})
	front, at, _ := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.close"})
	c := instrument(t, at)
	failed := make(chan error)
	go func() {
		_, err := c.TcmdBody([]byte(optSet), systemtest.Timeout)
		failed <- err
	}()
	within(t, asked)
	began := time.Now()
	front.Close()
	if took := time.Since(began); took > systemtest.Soon {
		t.Errorf("closed after %v", took)
	}
	if err := within(t, failed); err == nil {
		t.Error("an instrument got a reply")
	}
}

// askedServer is a server that answers nothing, and tells of each command.
func askedServer(t *testing.T) (*server, chan struct{}) {
	asked := make(chan struct{}, 100)
	return newServer(t, func([]byte) []byte {
		asked <- struct{}{}
		return nil
	}), asked
}
