package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

// The NATS server is killed before, while and after a command: the error says what is known of the command, at once,
// and the command is executed once or not at all.
func TestKilledServer(t *testing.T) {
	server := natsserver.Start(t)
	told, reconnected := newEvents(), make(chan struct{}, 10)
	asker, answerer := newLinkTo(t, Config{URL: server.URL(), Events: told.take}), newLinkTo(t, Config{URL: server.URL(), Events: told.take})
	asker.OnReconnect(func() { reconnected <- struct{}{} })
	came := make(chan *Request, 10)
	serve(t, answerer, "obe.nv3", func(r *Request) { came <- r })
	executed := map[string]int{}
	answer := func() {
		r := next(t, came)
		executed[string(r.Body)]++
		if err := r.Respond(r.Body); err != nil {
			t.Error(err)
		}
	}
	outages := 0
	restart := func() {
		t.Helper()
		outages++
		server.Restart()
		next(t, reconnected)
		told.await(t, EventReconnected, 2*outages)
		awaitDesigner(t, asker, "obe.nv3")
	}

	// Before.
	server.Kill()
	told.await(t, EventDisconnected, 2)
	if _, err := ask(asker, "obe.nv3", "before"); !errors.Is(err, ErrDisconnected) {
		t.Errorf("before: %v", err)
	}
	if _, err := asker.Who(context.Background(), "obe.nv3", time.Now().Add(systemtest.Timeout)); !errors.Is(err, ErrDisconnected) {
		t.Errorf("Who: %v", err)
	}
	restart()

	// While: the designer has the command.
	result := make(chan error, 1)
	go func() {
		_, err := ask(asker, "obe.nv3", "while")
		result <- err
	}()
	held := next(t, came)
	executed[string(held.Body)]++
	begin := time.Now()
	server.Kill()
	if err := next(t, result); !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), "not known") {
		t.Errorf("while: %v", err)
	}
	if took := time.Since(begin); took > systemtest.Soon {
		t.Errorf("the command ended %v after the server", took)
	}
	told.await(t, EventDisconnected, 4) // what is sent before that is lost
	responded := make(chan error, 1)
	go func() { responded <- held.Respond([]byte("late")) }()
	restart()
	if err := next(t, responded); err != nil {
		t.Errorf("the reply after the reconnection: %v", err)
	}

	// After.
	go answer()
	if _, err := ask(asker, "obe.nv3", "after"); err != nil {
		t.Errorf("after: %v", err)
	}
	server.Kill()
	restart()
	go answer()
	if _, err := ask(asker, "obe.nv3", "again"); err != nil {
		t.Errorf("again: %v", err)
	}
	if fmt.Sprint(executed) != "map[after:1 again:1 while:1]" || len(came) != 0 {
		t.Errorf("executed: %v, and %d more", executed, len(came))
	}
	nothingLeft(t, asker)
}

// A link to a server that is not there waits for it, and tells it once.
func TestServerComesLater(t *testing.T) {
	port := natsserver.FreePort(t)
	told := newEvents()
	ctx, cancel := context.WithTimeout(context.Background(), systemtest.Timeout)
	defer cancel()
	l, err := Connect(ctx, Config{URL: fmt.Sprintf("nats://user:secret@127.0.0.1:%d", port), Events: told.take})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if l.Connected() || l.MaxPayload() != 0 {
		t.Error("connected to no server")
	}
	if _, err := ask(l, "obe.nv3", "{}"); !errors.Is(err, ErrDisconnected) || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("without a server: %v", err)
	}
	short, stop := context.WithTimeout(ctx, 20*time.Millisecond)
	defer stop()
	if _, err := l.Serve(short, ServeConfig{Subject: "obe.nv3", Handle: func(*Request) {}}); !errors.Is(err, ErrDisconnected) {
		t.Errorf("Serve without a server: %v", err)
	}
	told.await(t, EventUnreachable, 3)
	if texts := told.told(EventUnreachable); len(texts) > 2 || strings.Contains(fmt.Sprint(texts), "secret") {
		t.Errorf("told: %q", texts)
	}
	server := natsserver.StartAt(t, port)
	if err := l.WaitConnected(ctx); err != nil {
		t.Fatal(err)
	}
	if l.MaxPayload() != 1<<20 {
		t.Errorf("max_payload %d", l.MaxPayload())
	}
	echo(t, l, "obe.nv3")
	if _, err := ask(newLink(t, server), "obe.nv3", "{}"); err != nil {
		t.Error(err)
	}
	if told.counted(EventConnected) != 1 || told.counted(EventReconnected) != 0 {
		t.Errorf("connected %d times, reconnected %d times", told.counted(EventConnected), told.counted(EventReconnected))
	}
}

// A NATS server that refuses the user after all, at a reconnection or when it comes later, is told once, and tried again
// until it takes the user.
func TestRefusedLater(t *testing.T) {
	lab := func(password string) string {
		return fmt.Sprintf("authorization { user: lab1, password: %q }", password)
	}
	server := natsserver.Start(t, lab("right"))
	url := strings.Replace(server.URL(), "//", "//lab1:right@", 1)
	for _, absent := range []bool{false, true} {
		if absent {
			server.Kill()
		}
		told := newEvents()
		ctx, cancel := context.WithTimeout(context.Background(), systemtest.Timeout)
		defer cancel()
		l, err := Connect(ctx, Config{URL: url, Events: told.take})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if !absent {
			server.Kill()
		}
		server.Configure(lab("other"))
		server.Restart()
		refusals := func() (n int) {
			for _, text := range told.told(EventUnreachable) {
				if strings.Contains(text, "refuses the user") {
					n++
				}
			}
			return n
		}
		for limit := time.Now().Add(systemtest.Timeout); refusals() == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatalf("absent %v: told %q", absent, told.told(EventUnreachable))
			}
		}
		told.await(t, EventUnreachable, told.counted(EventUnreachable)+3)
		if n := refusals(); n != 1 {
			t.Errorf("absent %v: told %d times: %q", absent, n, told.told(EventUnreachable))
		}
		server.Kill()
		server.Configure(lab("right"))
		server.Restart()
		if err := l.WaitConnected(ctx); err != nil {
			t.Error(err)
		}
		if _, err := ask(l, "obe.nv3", "{}"); !errors.Is(err, ErrNoDesigner) {
			t.Error(err)
		}
	}
}

// What an error says of a command is true while NATS servers are killed: one that was not sent was not executed, one
// with a reply was executed once and got its own, and none was executed twice or later.
func TestErrorsAreTrue(t *testing.T) {
	server := natsserver.Start(t)
	told := newEvents()
	asker, answerer := newLinkTo(t, Config{URL: server.URL(), Events: told.take}), newLinkTo(t, Config{URL: server.URL()})
	var mu sync.Mutex
	executed, finished := map[string]int{}, map[string]bool{}
	service := serve(t, answerer, "obe.nv3", func(r *Request) {
		go func() {
			name := string(r.Body[:8])
			mu.Lock()
			executed[name]++
			if finished[name] {
				t.Errorf("command %s is executed after it has ended", name)
			}
			mu.Unlock()
			_ = r.Respond(r.Body)
		}()
	})
	stop := make(chan struct{})
	var all sync.WaitGroup
	outcomes := map[string]int{}
	for i := range 8 {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				name := fmt.Sprintf("%02d-%05d", i, n)
				a := Ask{Subject: "obe.nv3", Body: []byte(name), Deadline: time.Now().Add(systemtest.Timeout)}
				if i < 2 { // in parts
					a.Subject, a.Private, a.Body = service.Instance(), true, append([]byte(name), make([]byte, 1200<<10)...)
				}
				answer, err := asker.Ask(context.Background(), a)
				mu.Lock()
				times := executed[name]
				outcome := "reply"
				switch {
				case err == nil:
					if !bytes.Equal(answer.Body, a.Body) {
						t.Errorf("command %s has the reply of %s", name, answer.Body[:8])
					}
					if times != 1 {
						t.Errorf("command %s has a reply, and was executed %d times", name, times)
					}
				case errors.Is(err, ErrDisconnected), errors.Is(err, ErrNoDesigner), errors.Is(err, ErrBusy):
					outcome = "not executed"
					finished[name] = true
					if times != 0 {
						t.Errorf("command %s was executed: %v", name, err)
					}
				case errors.Is(err, ErrBroken), errors.Is(err, ErrTimeout):
					outcome = "not known"
				default:
					t.Errorf("command %s: %v", name, err)
				}
				outcomes[outcome]++
				mu.Unlock()
				if errors.Is(err, ErrDisconnected) {
					_ = asker.WaitConnected(context.Background())
				}
			}
		})
	}
	for i := range 6 {
		time.Sleep(time.Duration(100+50*i) * time.Millisecond) // commands are under way
		server.Kill()
		told.await(t, EventDisconnected, i+1)
		server.Restart()
		told.await(t, EventReconnected, i+1)
	}
	close(stop)
	all.Wait()
	mu.Lock() // commands whose end is not known may still be executed
	for name, times := range executed {
		if times > 1 {
			t.Errorf("command %s was executed %d times", name, times)
		}
	}
	mu.Unlock()
	t.Logf("outcomes: %v", outcomes)
	if outcomes["reply"] == 0 || outcomes["not known"] == 0 {
		t.Errorf("outcomes: %v: this test shows nothing", outcomes)
	}
	nothingLeft(t, asker)
}

// The reply gets to an asker that still waits, if only the designer's NATS server was killed: its gateway goes to
// another one of the cluster and sends it there.
func TestReplyAfterFailover(t *testing.T) {
	ports := []int{natsserver.FreePort(t), natsserver.FreePort(t)}
	cluster := func(i int) string {
		return fmt.Sprintf("server_name: s%d\ncluster { name: c, listen: \"127.0.0.1:%d\", routes: [\"nats://127.0.0.1:%d\"] }", i, ports[i], ports[1-i])
	}
	first, second := natsserver.Start(t, cluster(0)), natsserver.Start(t, cluster(1))
	told := newEvents()
	asker := newLink(t, first)
	answerer := newLinkTo(t, Config{URL: second.URL() + "," + first.URL(), Events: told.take})
	if answerer.Conn().ConnectedUrl() != second.URL() {
		answerer.Close()
		for answerer = nil; answerer == nil || answerer.Conn().ConnectedUrl() != second.URL(); {
			answerer = newLinkTo(t, Config{URL: second.URL() + "," + first.URL(), Events: told.take}) // nats.go begins with any
		}
	}
	came := make(chan *Request, 1)
	serve(t, answerer, "obe.nv3", func(r *Request) { came <- r })
	awaitDesigner(t, asker, "obe.nv3")
	result := make(chan error, 1)
	go func() {
		answer, err := ask(asker, "obe.nv3", "{}")
		if err == nil && string(answer.Body) != "reply" {
			err = fmt.Errorf("the reply is %q", answer.Body)
		}
		result <- err
	}()
	r := next(t, came)
	second.Kill()
	told.await(t, EventDisconnected, 1)
	if err := r.Respond([]byte("reply")); err != nil {
		t.Error(err)
	}
	if err := next(t, result); err != nil {
		t.Error(err)
	}
	// The service is there, too.
	go func() { _ = next(t, came).Respond([]byte("reply")) }()
	awaitDesigner(t, asker, "obe.nv3")
	if _, err := ask(asker, "obe.nv3", "{}"); err != nil {
		t.Error(err)
	}
}

// awaitDesigner waits until a NATS server knows that a designer listens; that takes a moment in a cluster, and after a
// reconnection.
func awaitDesigner(t testing.TB, l *Link, subject string) {
	t.Helper()
	for limit := time.Now().Add(systemtest.Timeout); ; {
		found, err := l.Who(context.Background(), subject, time.Now().Add(systemtest.Soon))
		if err == nil && len(found) > 0 {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("no designer at %s: %v", subject, err)
		}
	}
}

// The designer's gateway is killed while a command is under way: the asker learns it long before its deadline.
func TestDesignerGoesDuringCommand(t *testing.T) {
	server := natsserver.Start(t)
	asker := newLink(t, server)
	asker.presence = 50 * time.Millisecond
	const private = "obe.nv3._designer"
	commands, questions := make(chan *nats.Msg, 1), make(chan *nats.Msg, 1000)
	listen := func() *nats.Conn {
		t.Helper()
		conn := connect(t, server)
		_, err := conn.Subscribe(private, func(m *nats.Msg) {
			if m.Header.Get(HeaderAck) == "" {
				commands <- m
			} else {
				questions <- m
			}
		})
		if err == nil {
			err = conn.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	result := make(chan error, 1)
	command := func() *nats.Msg {
		go func() {
			_, err := asker.Ask(context.Background(), Ask{Subject: private, Private: true, Body: []byte("{}"), Deadline: time.Now().Add(10 * systemtest.Timeout)})
			result <- err
		}()
		return next(t, commands)
	}
	designer := listen()
	command()
	designer.Close()
	if err := within(t, result); !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), private+" has gone while the command was under way") {
		t.Errorf("error %v", err)
	}

	// One that is there may take as long as it needs, and one that is there again answers.
	asker.presence = systemtest.Soon / 5
	designer = listen()
	m := command()
	for range absences + 1 {
		next(t, questions)
	}
	designer.Close()
	awaitAbsence(t, asker)
	designer = listen()
	for len(questions) > 0 {
		<-questions
	}
	for range absences + 1 {
		next(t, questions)
	}
	reply := nats.NewMsg(m.Reply)
	reply.Header.Set(HeaderID, m.Header.Get(HeaderID))
	reply.Data = []byte(`"late"`)
	if err := designer.PublishMsg(reply); err != nil {
		t.Fatal(err)
	}
	if err := within(t, result); err != nil {
		t.Error(err)
	}
}

// awaitAbsence waits until the link has found no designer for a command. There is no event for that.
func awaitAbsence(t *testing.T, l *Link) {
	t.Helper()
	for limit := time.Now().Add(systemtest.Soon); time.Now().Before(limit); time.Sleep(time.Millisecond) {
		l.mu.Lock()
		for _, c := range l.calls {
			if c.presence.absent.Load() {
				l.mu.Unlock()
				return
			}
		}
		l.mu.Unlock()
	}
	t.Fatal("the designer is not missed")
}
