package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

// random returns bytes that differ from those of another seed.
func random(size int, seed uint64) []byte {
	b := make([]byte, size)
	r := rand.New(rand.NewPCG(seed, 0))
	for i := 0; i+8 <= size; i += 8 {
		v := r.Uint64()
		for j := range 8 {
			b[i+j] = byte(v >> (8 * j))
		}
	}
	return b
}

// Messages beyond max_payload arrive whole, in both directions, whatever max_payload is.
func TestLargeMessages(t *testing.T) {
	for _, maxPayload := range []int{8 << 10, 1 << 20, 8 << 20} {
		t.Run(fmt.Sprint("max_payload ", maxPayload), func(t *testing.T) {
			server := natsserver.Start(t, fmt.Sprint("max_payload: ", maxPayload))
			asker, answerer := newLink(t, server), newLink(t, server)
			service := serve(t, answerer, "obe.nv3", func(r *Request) {
				go func() {
					if err := r.Respond(r.Body); err != nil {
						t.Errorf("respond: %v", err)
					}
				}()
			})
			single := asker.single()
			for _, size := range []int{1, firstPart, firstPart + 1, single - 1, single, single + 1, single + firstPart, asker.partSize() * 3, 3 << 20, 16<<20 + 17} {
				body := random(size, uint64(size))
				answer, err := asker.Ask(context.Background(), Ask{Subject: service.Instance(), Private: true, Body: body, Deadline: time.Now().Add(systemtest.Timeout)})
				if err != nil {
					t.Errorf("%d bytes: %v", size, err)
				} else if !bytes.Equal(answer.Body, body) || answer.Server != service.Instance() {
					t.Errorf("%d bytes: the reply differs: %d bytes from %s", size, len(answer.Body), answer.Server)
				}
			}
			_, err := asker.Ask(context.Background(), Ask{Subject: "obe.nv3", Body: make([]byte, single+1), Deadline: time.Now().Add(systemtest.Timeout)})
			if !errors.Is(err, ErrTooLarge) {
				t.Errorf("too large for the shared subject: %v", err)
			}
			nothingLeft(t, asker)
			nothingLeft(t, answerer)
		})
	}
}

// Many large messages at the same time arrive whole, and the NATS server ends no connection for them.
func TestManyLargeMessages(t *testing.T) {
	server := natsserver.Start(t, "max_pending: 32MB")
	told := newEvents()
	asker, answerer := newLinkTo(t, Config{URL: server.URL(), Events: told.take}), newLinkTo(t, Config{URL: server.URL(), Events: told.take})
	service := serve(t, answerer, "obe.nv3", func(r *Request) {
		go func() {
			if err := r.Respond(r.Body); err != nil {
				t.Errorf("respond: %v", err)
			}
		}()
	})
	before := runtime.NumGoroutine()
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			body := random(3<<20, uint64(i))
			answer, err := asker.Ask(context.Background(), Ask{Subject: service.Instance(), Private: true, Body: body, Deadline: time.Now().Add(4 * systemtest.Timeout)})
			if err != nil {
				t.Errorf("message %d: %v", i, err)
			} else if !bytes.Equal(answer.Body, body) {
				t.Errorf("message %d differs", i)
			}
		})
	}
	all.Wait()
	if told.counted(EventDisconnected) != 0 || told.counted(EventIncomplete) != 0 {
		t.Errorf("%d disconnections, %d incomplete messages: %q", told.counted(EventDisconnected), told.counted(EventIncomplete), told.told(EventDisconnected))
	}
	nothingLeft(t, asker)
	nothingLeft(t, answerer)
	awaitGoroutines(t, before)
}

// Replies of any size to many commands at the same time are more than a NATS server keeps for a reader. It ends no
// connection all the same.
func TestManyReplies(t *testing.T) {
	server := natsserver.Start(t)
	told := newEvents()
	asker, answerer := newLinkTo(t, Config{URL: server.URL(), Events: told.take}), newLinkTo(t, Config{URL: server.URL(), Events: told.take})
	serve(t, answerer, "obe.nv3", func(r *Request) {
		size, err := strconv.Atoi(string(r.Body))
		if err != nil {
			t.Error(err)
		}
		go func() { _ = r.Respond(make([]byte, size)) }()
	})
	for _, c := range []struct{ size, commands int }{{firstPart, 1024}, {asker.single() - 1, 400}} {
		var all sync.WaitGroup
		for range c.commands {
			all.Go(func() {
				a := Ask{Subject: "obe.nv3", Body: []byte(strconv.Itoa(c.size)), Deadline: time.Now().Add(4 * systemtest.Timeout)}
				if answer, err := asker.Ask(context.Background(), a); err != nil || len(answer.Body) != c.size {
					t.Errorf("%d bytes: %v", c.size, err)
				}
			})
		}
		all.Wait()
	}
	if n := told.counted(EventDisconnected); n != 0 {
		t.Errorf("%d disconnections", n)
	}
}

// A message larger than what its receiver allows is refused after its first part, in both directions.
func TestTooLargeMessages(t *testing.T) {
	server := natsserver.Start(t)
	asker, answerer := newLink(t, server), newLink(t, server)
	responded := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), systemtest.Timeout)
	defer cancel()
	service, err := answerer.Serve(ctx, ServeConfig{Subject: "obe.nv3", MaxMessage: 2 << 20, Handle: func(r *Request) {
		go func() { responded <- r.Respond(make([]byte, 4<<20)) }()
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	begin := time.Now()
	_, err = asker.Ask(ctx, Ask{Subject: service.Instance(), Private: true, Body: make([]byte, 3<<20)})
	var status *StatusError
	if !errors.Is(err, ErrTooLarge) || !errors.As(err, &status) {
		t.Errorf("command: %v", err)
	}
	_, err = asker.Ask(ctx, Ask{Subject: service.Instance(), Private: true, Body: []byte("{}"), MaxReply: 3 << 20})
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("reply: %v", err)
	}
	if err := next(t, responded); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Respond: %v", err)
	}
	if took := time.Since(begin); took > systemtest.Soon {
		t.Errorf("it took %v", took)
	}
	nothingLeft(t, asker)
	nothingLeft(t, answerer)
}

// The sender of a reply in parts stops when its asker waits no more, or is gone.
func TestAskerLeavesLargeReply(t *testing.T) {
	server := natsserver.Start(t)
	answerer := newLink(t, server)
	came := make(chan *Request, 2)
	serve(t, answerer, "obe.nv3", func(r *Request) { came <- r })
	for _, gone := range []bool{false, true} {
		asker := newLink(t, server)
		ctx, cancel := context.WithCancel(context.Background())
		left := make(chan struct{})
		go func() {
			_, _ = asker.Ask(ctx, Ask{Subject: "obe.nv3", Body: []byte("{}"), Deadline: time.Now().Add(time.Hour)})
			close(left)
		}()
		r := next(t, came)
		cancel()
		next(t, left)
		if gone {
			asker.Close()
		}
		begin := time.Now()
		if err := r.Respond(make([]byte, 16<<20)); !errors.Is(err, ErrTimeout) {
			t.Errorf("gone %v: Respond: %v", gone, err)
		}
		if took := time.Since(begin); took > systemtest.Soon {
			t.Errorf("gone %v: it took %v", gone, took)
		}
	}
	nothingLeft(t, answerer)
	if len(came) != 0 {
		t.Errorf("a message of the NATS server was taken for the command %q", (<-came).Body)
	}
}

// The connection breaks amid a large message: nothing of it stays, on no side, and each side has an error at once.
func TestBrokenLargeMessages(t *testing.T) {
	server := natsserver.Start(t)
	told := newEvents()
	asker, answerer := newLinkTo(t, Config{URL: server.URL(), Events: told.take}), newLinkTo(t, Config{URL: server.URL(), Events: told.take})
	responded := make(chan error, 1)
	service := serve(t, answerer, "obe.nv3", func(r *Request) {
		if len(r.Body) < 100 {
			go func() { responded <- r.Respond(make([]byte, 60<<20)) }()
			return
		}
		_ = r.Respond([]byte("whole"))
	})
	// begun waits until some parts have come, and reports whether they have; otherwise the whole message was faster.
	begun := func(l *Link, result <-chan error) bool {
		t.Helper()
		for limit := time.Now().Add(systemtest.Timeout); len(result) == 0; time.Sleep(100 * time.Microsecond) {
			l.parts.mu.Lock()
			came := 0
			for _, o := range l.parts.open {
				came = max(came, o.next)
			}
			l.parts.mu.Unlock()
			if came > 3 {
				return true
			}
			if time.Now().After(limit) {
				t.Fatal("the large message does not begin")
			}
		}
		return false
	}
	for i, body := range [][]byte{make([]byte, 60<<20), []byte("large reply")} {
		receiver := answerer
		if i == 1 {
			receiver = asker
		}
		result := make(chan error, 1)
		command := func() {
			_, err := asker.Ask(context.Background(), Ask{Subject: service.Instance(), Private: true, Body: body, Deadline: time.Now().Add(2 * systemtest.Timeout)})
			result <- err
		}
		awaitDesigner(t, asker, "obe.nv3")
		go command()
		for !begun(receiver, result) {
			if err := next(t, result); err != nil {
				t.Fatal(err)
			}
			if i == 1 {
				next(t, responded)
			}
			go command()
		}
		begin := time.Now()
		server.Kill()
		// ErrDisconnected: the end of the connection was noticed before the next part was sent.
		if err := next(t, result); !errors.Is(err, ErrBroken) && !errors.Is(err, ErrDisconnected) {
			t.Errorf("%d bytes: %v", len(body), err)
		}
		if i == 1 {
			if err := next(t, responded); !errors.Is(err, ErrBroken) && !errors.Is(err, ErrDisconnected) {
				t.Errorf("Respond: %v", err)
			}
		}
		if took := time.Since(begin); took > systemtest.Soon {
			t.Errorf("it took %v", took)
		}
		told.await(t, EventIncomplete, i+1)
		told.await(t, EventDisconnected, 2*(i+1))
		nothingLeft(t, asker)
		nothingLeft(t, answerer)
		server.Restart()
		told.await(t, EventReconnected, 2*(i+1))
	}
}

// Parts that no gateway sends are thrown away or refused, hold no memory for longer than they may, and disturb nothing.
func TestHostileParts(t *testing.T) {
	server := natsserver.Start(t)
	told := newEvents()
	asker, answerer := newLink(t, server), newLinkTo(t, Config{URL: server.URL(), Events: told.take})
	service := echo(t, answerer, "obe.nv3")
	other := connect(t, server)
	inbox := other.NewInbox()
	answers, err := other.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	send := func(subject, id, part, size string, body int) {
		m := nats.NewMsg(subject)
		m.Reply, m.Data = inbox, make([]byte, body)
		for name, value := range map[string]string{HeaderID: id, HeaderPart: part, HeaderSize: size, HeaderTimeout: "60000"} {
			if value != "" {
				m.Header.Set(name, value)
			}
		}
		if err := other.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	status := func() string {
		t.Helper()
		m, err := answers.NextMsg(systemtest.Timeout)
		if err != nil {
			t.Fatal(err)
		}
		return m.Header.Get(HeaderStatus) + m.Header.Get(HeaderAck)
	}
	private := service.Instance()
	send("obe.nv3", "a", "1/2", "2000", 1000)
	if got := status(); got != StatusState {
		t.Errorf("a part at the shared subject: %s", got)
	}
	send(private, "", "1/2", "2000", 1000)
	send(private, "b", "1/2", "99999999999", 1000)
	send(private, "c", "1/2", "200000", 100000) // the first part is too large
	send(private, "d", "1/3", "3000", 1000)
	send(private, "d", "3/3", "3000", 1000) // the second is missing
	send(private, "e", "1/2", "2000", 1000)
	send(private, "e", "2/2", "2000", 999) // not all came
	send(private, "f", "1/2", "2000", 1000)
	send(private, "f", "2/2", "2000", 1001) // too much came
	want := []string{StatusArgument, StatusTooLarge, StatusArgument, "1", StatusReset, "1", StatusReset, "1", StatusReset}
	for i, w := range want {
		if got := status(); got != w {
			t.Errorf("answer %d: %s, not %s", i, got, w)
		}
	}
	// Parts of no message, and headers that are none.
	for _, part := range []string{"2/2", "0/2", "3/2", "-1/2", "1/-2", "1/1", "1/99999999", "1", "/", "x/y", "1/2/3", "99999999999999999999/2"} {
		send(private, "g", part, "2000", 1000)
	}
	for _, size := range []string{"", "-5", "0", "1", "x", "1000", "99999999999999999999999"} {
		send(private, "h", "1/2", size, 1000)
	}
	send(private, "i", "1/2", "2000", 0)
	if err := other.Flush(); err != nil {
		t.Fatal(err)
	}
	if answer, err := ask(asker, private, "{}"); err != nil || string(answer.Body) != "{}" {
		t.Errorf("answer %v, error %v", answer, err)
	}
	nothingLeft(t, answerer)
	// A flood of first parts: so many and no more are kept, and a proper message waits for room.
	for i := range 2 * maxOpen {
		send(private, fmt.Sprint("flood ", i), "1/64", fmt.Sprint(64<<20), firstPart)
	}
	busy := 0
	for range 2*maxOpen - (maxOpen - maxAdmittedBytes/(64<<20)) {
		if status() == StatusBusy {
			busy++
		}
	}
	if busy != maxOpen {
		t.Errorf("%d of %d were refused", busy, 2*maxOpen)
	}
	if answer, err := ask(asker, private, "{}"); err != nil || string(answer.Body) != "{}" {
		t.Errorf("answer %v, error %v", answer, err)
	}
	answerer.parts.mu.Lock()
	var came int64
	for _, o := range answerer.parts.open {
		came += o.came
	}
	answerer.parts.mu.Unlock()
	if came > maxOpen*firstPart {
		t.Errorf("%d bytes are kept", came)
	}
}

// A message whose parts stop coming is dropped when its asker waits no more.
func TestPartsStop(t *testing.T) {
	server := natsserver.Start(t)
	told := newEvents()
	answerer := newLinkTo(t, Config{URL: server.URL(), Events: told.take})
	service := echo(t, answerer, "obe.nv3")
	other := connect(t, server)
	answers, err := other.SubscribeSync("inbox")
	if err != nil {
		t.Fatal(err)
	}
	m := nats.NewMsg(service.Instance())
	m.Reply, m.Data = "inbox", make([]byte, 1000)
	m.Header = nats.Header{HeaderID: {"a"}, HeaderPart: {"1/2"}, HeaderSize: {"2000"}, HeaderTimeout: {"100"}}
	if err := other.PublishMsg(m); err != nil {
		t.Fatal(err)
	}
	told.await(t, EventIncomplete, 1)
	for {
		answer, err := answers.NextMsg(systemtest.Timeout)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Header.Get(HeaderAck) == "" {
			if answer.Header.Get(HeaderStatus) != StatusReset {
				t.Errorf("answer %v", answer)
			}
			break
		}
	}
	nothingLeft(t, answerer)
}
