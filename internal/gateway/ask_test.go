package gateway

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

// 1,000 commands at the same time get their own replies each. Afterwards nothing of them is left.
func TestEachCommandGetsItsReply(t *testing.T) {
	server := natsserver.Start(t)
	asker, answerer := newLink(t, server), newLink(t, server)
	serve(t, answerer, "obe.nv3", func(r *Request) {
		go func() {
			if err := r.Respond(append([]byte("reply to "), r.Body...)); err != nil {
				t.Errorf("respond: %v", err)
			}
		}()
	})
	before := runtime.NumGoroutine()
	var all sync.WaitGroup
	for i := range 1000 {
		all.Go(func() {
			text := fmt.Sprintf("command %d", i)
			answer, err := ask(asker, "obe.nv3", text)
			if err != nil {
				t.Errorf("%s: %v", text, err)
			} else if string(answer.Body) != "reply to "+text {
				t.Errorf("%s got %q", text, answer.Body)
			}
		})
	}
	all.Wait()
	nothingLeft(t, asker)
	nothingLeft(t, answerer)
	awaitGoroutines(t, before)
}

// nothingLeft waits until a link keeps nothing of calls that have ended. There is no event for that.
func nothingLeft(t testing.TB, l *Link) {
	t.Helper()
	for limit := time.Now().Add(systemtest.Soon); ; time.Sleep(time.Millisecond) {
		left := l.left()
		if left == (leftovers{}) {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("left: %+v", left)
		}
	}
}

// leftovers is what a link keeps of calls and of messages in parts.
type leftovers struct {
	calls, flows, open, waiting, admitted int
	bytes, queued                         int64
}

func (l *Link) left() leftovers {
	l.mu.Lock()
	left := leftovers{calls: len(l.calls), flows: len(l.flows), queued: l.out.bytes.Load()}
	l.mu.Unlock()
	l.parts.mu.Lock()
	defer l.parts.mu.Unlock()
	left.open, left.waiting, left.admitted, left.bytes = len(l.parts.open), len(l.parts.waiting), l.parts.admitted, l.parts.bytes
	return left
}

// awaitGoroutines waits until there are not more goroutines than before. There is no event for their ends.
func awaitGoroutines(t testing.TB, before int) {
	t.Helper()
	for limit := time.Now().Add(systemtest.Soon); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// A reply says which instance it is from, and a command to that instance gets there.
func TestPrivateSubject(t *testing.T) {
	server := natsserver.Start(t)
	asker, answerer := newLink(t, server), newLink(t, server)
	pinned := make(chan bool, 2)
	service := serve(t, answerer, "obe.nv3", func(r *Request) {
		if r.Subject != "obe.nv3" {
			t.Errorf("the subject is %q", r.Subject)
		}
		if r.Timeout <= 0 || r.Timeout > systemtest.Timeout {
			t.Errorf("the asker waits %v", r.Timeout)
		}
		pinned <- r.Pinned
		_ = r.Respond(r.Body)
	})
	first, err := ask(asker, "obe.nv3", "{}")
	if err != nil {
		t.Fatal(err)
	}
	if first.Server != service.Instance() || !strings.HasPrefix(first.Server, "obe.nv3._") {
		t.Errorf("the answer is from %q, the instance is %q", first.Server, service.Instance())
	}
	if _, err := ask(asker, first.Server, "{}"); err != nil {
		t.Fatal(err)
	}
	if <-pinned || !<-pinned {
		t.Error("Pinned is wrong")
	}
}

// Without a designer the answer is at once.
func TestNoDesigner(t *testing.T) {
	server := natsserver.Start(t)
	asker := newLink(t, server)
	begin := time.Now()
	_, err := ask(asker, "obe.nv3", "{}")
	if !errors.Is(err, ErrNoDesigner) || !strings.Contains(err.Error(), "obe.nv3") {
		t.Errorf("error %v", err)
	}
	if took := time.Since(begin); took > systemtest.Soon {
		t.Errorf("it took %v", took)
	}
}

// A designer that does not answer costs the time until the deadline. Its late reply answers no other command.
func TestLateReply(t *testing.T) {
	server := natsserver.Start(t)
	told := newEvents()
	asker, answerer := newLinkTo(t, Config{URL: server.URL(), Events: told.take}), newLink(t, server)
	held := make(chan *Request, 1)
	serve(t, answerer, "obe.nv3", func(r *Request) {
		if string(r.Body) == "slow" {
			held <- r
			return
		}
		_ = r.Respond([]byte("own"))
	})
	_, err := asker.Ask(context.Background(), Ask{Subject: "obe.nv3", Body: []byte("slow"), Deadline: time.Now().Add(50 * time.Millisecond)})
	if !errors.Is(err, ErrTimeout) {
		t.Fatalf("error %v", err)
	}
	r := next(t, held)
	time.Sleep(time.Until(r.Received.Add(r.Timeout))) // it may have come a moment after it was sent
	if !r.Expired() {
		t.Error("the asker is said to wait still")
	}
	if err := r.Respond([]byte("late")); err != nil {
		t.Fatal(err)
	}
	told.await(t, EventForeign, 1)
	answer, err := ask(asker, "obe.nv3", "fast")
	if err != nil || string(answer.Body) != "own" {
		t.Errorf("answer %v, error %v", answer, err)
	}
	if err := r.Respond([]byte("again")); !errors.Is(err, ErrArgument) {
		t.Errorf("a second answer: %v", err)
	}
}

// A reply is taken only with the command's own Obe-Id, even at the command's own inbox.
func TestReplyWithoutItsID(t *testing.T) {
	server := natsserver.Start(t)
	told := newEvents()
	asker := newLinkTo(t, Config{URL: server.URL(), Events: told.take})
	other := connect(t, server)
	for _, id := range []string{"", "0123456789abcdef0123456789abcdef"} {
		sub, err := other.Subscribe("obe.nv3", func(m *nats.Msg) {
			wrong := nats.NewMsg(m.Reply)
			wrong.Header.Set(HeaderID, id)
			wrong.Data = []byte("wrong")
			_ = other.PublishMsg(wrong)
			right := nats.NewMsg(m.Reply)
			right.Header.Set(HeaderID, m.Header.Get(HeaderID))
			right.Data = []byte("right")
			_ = other.PublishMsg(right)
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Flush(); err != nil {
			t.Fatal(err)
		}
		answer, err := ask(asker, "obe.nv3", "{}")
		if err != nil || string(answer.Body) != "right" {
			t.Errorf("Obe-Id %q: answer %v, error %v", id, answer, err)
		}
		if err := sub.Unsubscribe(); err != nil {
			t.Fatal(err)
		}
	}
	if n := told.counted(EventForeign); n != 2 {
		t.Errorf("%d foreign messages, not 2", n)
	}
}

// connect connects without a link.
func connect(t testing.TB, server *natsserver.Server, options ...nats.Option) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(server.URL(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// The other side's status is the error, with its sentence.
func TestStatus(t *testing.T) {
	server := natsserver.Start(t)
	asker, answerer := newLink(t, server), newLink(t, server)
	serve(t, answerer, "obe.nv3", func(r *Request) { _ = r.Fail(string(r.Body), "a sentence about "+string(r.Body)) })
	for status, kind := range map[string]error{
		StatusBusy: ErrBusy, StatusTooLarge: ErrTooLarge, StatusTimeout: ErrTimeout, StatusPermission: ErrPermission,
		StatusRefused: nil, "LATER_VERSION": nil,
	} {
		_, err := ask(asker, "obe.nv3", status)
		var e *StatusError
		if !errors.As(err, &e) || e.Status != status || err.Error() != "a sentence about "+status {
			t.Errorf("%s: error %v", status, err)
		}
		if kind != nil && !errors.Is(err, kind) {
			t.Errorf("%s is not %v", status, kind)
		}
		if e != nil && !strings.HasPrefix(e.Server, "obe.nv3._") {
			t.Errorf("%s is from %q", status, e.Server)
		}
	}
}

// The context ends a command, and Close ends all.
func TestCancelAndClose(t *testing.T) {
	server := natsserver.Start(t)
	asker, answerer := newLink(t, server), newLink(t, server)
	came := make(chan struct{}, 2)
	serve(t, answerer, "obe.nv3", func(*Request) { came <- struct{}{} })
	ctx, cancel := context.WithCancel(context.Background())
	results := make(chan error)
	for _, c := range []context.Context{ctx, context.Background()} {
		go func() {
			_, err := asker.Ask(c, Ask{Subject: "obe.nv3", Body: []byte("{}")})
			results <- err
		}()
		next(t, came)
	}
	cancel()
	if err := next(t, results); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	asker.Close()
	if err := next(t, results); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := ask(asker, "obe.nv3", "{}"); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	asker.Close()
	nothingLeft(t, asker)
}

// A JetStream stream over the commands acknowledges them. That is no reply, and is told once.
func TestStream(t *testing.T) {
	for _, noAck := range []bool{false, true} {
		t.Run(fmt.Sprintf("no_ack=%v", noAck), func(t *testing.T) {
			server := natsserver.Start(t, natsserver.JetStream(t))
			told := newEvents()
			asker, answerer := newLinkTo(t, Config{URL: server.URL(), Events: told.take}), newLink(t, server)
			js, err := jetstream.New(asker.Conn())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), systemtest.Timeout)
			defer cancel()
			if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "OBE", Subjects: []string{"obe.>"}, NoAck: noAck}); err != nil {
				t.Fatal(err)
			}
			// No designer listens: the stream hides it.
			_, err = asker.Ask(ctx, Ask{Subject: "obe.nv3", Body: []byte("{}"), Deadline: time.Now().Add(300 * time.Millisecond)})
			if !errors.Is(err, ErrTimeout) || strings.Contains(err.Error(), "JetStream") == noAck {
				t.Errorf("without a designer: %v", err)
			}
			echo(t, answerer, "obe.nv3")
			for i := range 200 {
				text := fmt.Sprintf(`{"command": "optset", "n": %d}`, i)
				if answer, err := ask(asker, "obe.nv3", text); err != nil || string(answer.Body) != text {
					t.Fatalf("command %d: answer %v, error %v", i, answer, err)
				}
			}
			want := 1
			if noAck {
				want = 0
			}
			if texts := told.told(EventStream); len(texts) != want {
				t.Errorf("told: %q", texts)
			}
		})
	}
}

// A mapping of the NATS server and the import of another account rewrite subjects. Each command gets its own reply,
// and a late one answers none.
func TestRewrittenSubjects(t *testing.T) {
	server := natsserver.Start(t, `
accounts {
	DESIGNERS {
		users: [{user: designer, password: d}]
		exports: [{service: "obe.real"}]
		mappings: {"obe.alias": "obe.real"}
	}
	INSTRUMENTS {
		users: [{user: instrument, password: i}]
		imports: [{service: {account: DESIGNERS, subject: "obe.real"}, to: "lab.nv3"}]
	}
}`)
	as := func(user string) string { return strings.Replace(server.URL(), "//", "//"+user+"@", 1) }
	answerer := newLinkTo(t, Config{URL: as("designer:d")})
	held := make(chan *Request, 1)
	serve(t, answerer, "obe.real", func(r *Request) {
		if string(r.Body) == "slow" {
			held <- r
			return
		}
		_ = r.Respond(r.Body)
	})
	for _, from := range []struct{ user, subject string }{{"designer:d", "obe.alias"}, {"instrument:i", "lab.nv3"}} {
		asker := newLinkTo(t, Config{URL: as(from.user)})
		_, err := asker.Ask(context.Background(), Ask{Subject: from.subject, Body: []byte("slow"), Deadline: time.Now().Add(50 * time.Millisecond)})
		if !errors.Is(err, ErrTimeout) {
			t.Fatalf("%s: %v", from.subject, err)
		}
		late := next(t, held)
		for i := range 100 {
			if i == 50 {
				if err := late.Respond([]byte("late")); err != nil {
					t.Fatal(err)
				}
			}
			text := fmt.Sprint("command ", i)
			if answer, err := ask(asker, from.subject, text); err != nil || string(answer.Body) != text {
				t.Fatalf("%s: answer %v, error %v", from.subject, answer, err)
			}
		}
	}
}

// A command without headers is served, and a reply too large for it is an error at once.
func TestPlainRequest(t *testing.T) {
	server := natsserver.Start(t)
	answerer := newLink(t, server)
	responded := make(chan error, 1)
	serve(t, answerer, "obe.nv3", func(r *Request) {
		if string(r.Body) == "large" {
			responded <- r.Respond(make([]byte, 3<<20))
			return
		}
		_ = r.Respond(r.Body)
	})
	other := connect(t, server)
	reply, err := other.Request("obe.nv3", []byte(`{"command": "optset"}`), systemtest.Timeout)
	if err != nil || string(reply.Data) != `{"command": "optset"}` {
		t.Errorf("reply %v, error %v", reply, err)
	}
	reply, err = other.Request("obe.nv3", []byte("large"), systemtest.Timeout)
	if err != nil || reply.Header.Get(HeaderStatus) != StatusTooLarge || !strings.Contains(string(reply.Data), "max_payload") {
		t.Errorf("reply %v, error %v", reply, err)
	}
	if err := next(t, responded); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Respond: %v", err)
	}
	// A command that wants no reply is executed, too.
	if err := other.Publish("obe.nv3", []byte("large")); err != nil {
		t.Fatal(err)
	}
	if err := next(t, responded); err != nil {
		t.Errorf("Respond without an asker: %v", err)
	}
}

// Who may publish where is told at once, not by a timeout, and with the subject.
func TestPermissionToPublish(t *testing.T) {
	server := natsserver.Start(t, `
authorization {
	users: [
		{user: all, password: secret1}
		{user: one, password: secret2, permissions: {publish: ["obe.nv3", "obe.nv3._who"], subscribe: ["_INBOX.>"]}}
	]
}`)
	told := newEvents()
	answerer := newLinkTo(t, Config{URL: strings.Replace(server.URL(), "//", "//all:secret1@", 1)})
	asker := newLinkTo(t, Config{URL: strings.Replace(server.URL(), "//", "//one:secret2@", 1), Events: told.take})
	echo(t, answerer, "obe.nv3")
	echo(t, answerer, "obe.nv4")
	if _, err := ask(asker, "obe.nv3", "{}"); err != nil {
		t.Errorf("allowed: %v", err)
	}
	begin := time.Now()
	_, err := ask(asker, "obe.nv4", "{}")
	if !errors.Is(err, ErrPermission) || !strings.Contains(err.Error(), "obe.nv4") {
		t.Errorf("denied: %v", err)
	}
	if took := time.Since(begin); took > systemtest.Soon {
		t.Errorf("it took %v", took)
	}
	if _, err := asker.Who(context.Background(), "obe.nv4", time.Now().Add(systemtest.Timeout)); !errors.Is(err, ErrPermission) {
		t.Errorf("Who: %v", err)
	}
	told.await(t, EventPermission, 2)
	if _, err := ask(asker, "obe.nv3", "{}"); err != nil {
		t.Errorf("allowed, after a denial: %v", err)
	}
}
