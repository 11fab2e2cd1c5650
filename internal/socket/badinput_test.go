package socket_test

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"libobe/internal/socket"
	"libobe/internal/wire"
)

// A client that sends something other than a message: its connection is closed and
// counted, and other clients are not affected.
func TestServerCountsGarbage(t *testing.T) {
	stay := func(*plain) {}
	half := func(p *plain) { must(p.t, p.CloseWrite()) }
	for _, c := range []struct {
		name    string
		text    string
		leave   func(*plain)
		counter string // "": none
	}{
		{"header of spaces", "          ", stay, "dropped_malformed"},
		{"header of quotes", `""""""""""`, stay, "dropped_malformed"},
		{"quoted header", `"000000002{}"`, stay, "dropped_malformed"},
		{"signed header", "+000000002{}", stay, "dropped_malformed"},
		{"underscore", "00000000_2{}", stay, "dropped_malformed"},
		{"a web browser", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", stay, "dropped_malformed"},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", stay, "dropped_malformed"},
		{"NULs", strings.Repeat("\x00", 10_000), stay, "dropped_malformed"},
		{"malformed behind a message", frame("1") + "xxxxxxxxxx", stay, "dropped_malformed"},
		{"announces all and falls silent", "9999999999", stay, "dropped_too_large"},
		{"one byte too large", "0000001025", stay, "dropped_too_large"},
		{"too large, with its body", frame(strings.Repeat("1", 1025)), stay, "dropped_too_large"},
		{"not JSON", frame("{'a': 1}"), stay, "dropped_json"},
		{"not JSON from the first byte on, and not complete", "0000001024x", stay, "dropped_json"},
		{"empty body", "0000000000", stay, "dropped_json"},
		{"not UTF-8", frame("\"\xff\""), stay, "dropped_json"},
		{"byte order mark", frame("\xef\xbb\xbf1"), stay, "dropped_json"},
		{"NUL behind the text", frame("1\x00"), stay, "dropped_json"},
		{"deeper than any server would read", frame(strings.Repeat("[", 1000)), stay, "dropped_json"},
		{"end inside the header", "00000", half, "dropped_incomplete"},
		{"end behind the header", "0000000010", half, "dropped_incomplete"},
		{"end inside the body", frame(number(1))[:15], half, "dropped_incomplete"},
		{"end inside the second message", frame("1") + "0", half, "dropped_incomplete"},
		{"reset inside a message", frame(number(1))[:15], (*plain).reset, "dropped_incomplete"},
		{"reset between messages", "", (*plain).reset, "dropped_reset"},
		{"connects and closes", "", half, ""},
		{"closes behind a message", frame("1"), half, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t, "max_message=1024")
			echo(t, s)
			p := dial(t, s)
			if strings.HasPrefix(c.text, frame("1")) {
				p.send("1")
				p.expect("1")
				p.write(c.text[len(frame("1")):])
			} else {
				p.write(c.text)
			}
			if strings.HasPrefix(c.name, "reset") {
				// A reset discards what the server has not read yet.
				eventually(t, "the server has read it", func() bool {
					return stat(t, s, "connections_open") == 1 && stat(t, s, "bytes_received") == int64(len(c.text))
				})
			}
			c.leave(p)
			if !strings.HasPrefix(c.name, "reset") {
				p.expectGone()
			}
			eventually(t, "the connection is closed", func() bool {
				return stat(t, s, "connections_opened") == 1 && stat(t, s, "connections_open") == 0
			})
			var want []string
			if c.counter != "" {
				want = append(want, c.counter+"=1")
			}
			expectStats(t, s, want...)
			expectTcmd(t, newClient(t, s.Addr()), `"honest"`, `"honest"`)
		})
	}
}

func TestServerIsServedByteByByte(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	must(t, p.SetNoDelay(true))
	done := startReceive(s)
	for _, b := range []byte(frame(`"slowly"`)) {
		p.write(string(b))
	}
	await(t, done).expect(t, `"slowly"`)
}

func TestAnnouncedLengthTakesNoMemory(t *testing.T) {
	const clients = 50
	largest := min(wire.MaxLength, math.MaxInt-64)
	s := newServer(t, fmt.Sprintf("max_message=%d", largest))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range clients {
		dial(t, s).write(fmt.Sprintf(`%010d"`, largest))
	}
	attendUntil(t, s, "bytes_received", 11*clients)
	expectStats(t, s, fmt.Sprint("connections_open=", clients))
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > clients<<18 {
		t.Errorf("%d bytes were allocated for %d bytes received", grown, 11*clients)
	}
}

func TestStalledClientsDelayNoOthers(t *testing.T) {
	const stalled = 200
	s := newServer(t)
	echo(t, s)
	whole := frame(number(1))
	var silent, garbage int64
	var bytes int64
	for i := range stalled {
		p := dial(t, s)
		switch i % 5 {
		case 0: // sends nothing
		case 1:
			p.write("xxxxxxxxxx")
			garbage++
			bytes += 10
			continue
		default: // stops inside the header, behind it, or inside the body
			n := []int{4, 10, 15}[i%5-2]
			p.write(whole[:n])
			bytes += int64(n)
		}
		silent++
	}
	c := newClient(t, s.Addr())
	began := time.Now()
	for i := range 50 {
		expectTcmd(t, c, number(i), number(i))
	}
	if took := time.Since(began); took > soon {
		t.Errorf("the honest client was served in %v", took)
	}
	honest := int64(50 * len(frame(number(10))))
	honest -= 10 // the first ten have one digit less
	eventually(t, "all the others are read", func() bool {
		return stat(t, s, "bytes_received") == bytes+honest && stat(t, s, "connections_open") == silent
	})
	expectStats(t, s, fmt.Sprint("dropped_malformed=", garbage))
}

func TestLeastRecentlyUsedConnectionIsEvicted(t *testing.T) {
	s := newServer(t, "max_connections=3")
	echo(t, s)
	talk := func(p *plain) {
		t.Helper()
		p.send("1")
		p.expect("1")
	}
	a, b, c := dial(t, s), dial(t, s), dial(t, s)
	for _, p := range []*plain{a, b, c, a} {
		talk(p)
	}
	d := dial(t, s)
	talk(d)
	b.expectEnd()
	for _, p := range []*plain{c, a, d} {
		talk(p)
	}
	// A connection on which nothing was ever sent is idle, too.
	e := dial(t, s)
	c.expectEnd()
	f := dial(t, s)
	a.expectEnd()
	talk(f)
	talk(d)
	g := dial(t, s)
	e.expectEnd()
	talk(g)
	// One that is sending is not idle.
	f.write("0000")
	eventually(t, "that is read", func() bool { return stat(t, s, "bytes_received") == int64(11*len(frame("1"))+4) })
	dial(t, s)
	d.expectEnd()
	f.expectOpen()
	expectStats(t, s, "connections_open=3", "evicted=5")
}

func TestConnectionsThatWaitForAReplyAreNotEvicted(t *testing.T) {
	s := newServer(t, "max_connections=2")
	a, b := dial(t, s), dial(t, s)
	a.send("1")
	first := expectMessage(t, s, "1")
	b.send("2")
	expectReceive(t, s, "2")
	late := dial(t, s)
	attendUntil(t, s, "evicted", 1)
	// No connection can be evicted: the new one is closed at once instead of waiting.
	late.expectGone()
	expectStats(t, s, "connections_open=2", "evicted=1")
	send(t, s, "22")
	b.expect("22")
	reply(t, first, "11")
	a.expect("11")
	// Once they are answered, they are idle, b for longer than the other.
	late = dial(t, s)
	late.send("3")
	expectReceive(t, s, "3")
	b.expectEnd()
	a.expectOpen()
}

func TestLoweredMaxConnectionsHolds(t *testing.T) {
	s := newServer(t)
	var peers []*plain
	for range 5 {
		p := dial(t, s)
		p.send("1")
		expectReceive(t, s, "1")
		send(t, s, "1")
		p.expect("1")
		peers = append(peers, p)
	}
	set(t, s, "max_connections=2")
	p := dial(t, s)
	p.send("2")
	expectReceive(t, s, "2")
	for _, gone := range peers[:4] {
		gone.expectEnd()
	}
	peers[4].expectOpen()
	expectStats(t, s, "connections_open=2", "evicted=4")
}

// messageTimeout is the option message_timeout_ms of these tests. It is long enough to
// write a frame on a busy machine.
const messageTimeout = 150 * time.Millisecond

func withMessageTimeout(t *testing.T) *socket.Server {
	return newServer(t, fmt.Sprintf("message_timeout_ms=%d", messageTimeout.Milliseconds()))
}

func TestMessageTimeoutClosesASlowConnection(t *testing.T) {
	t.Parallel()
	s := withMessageTimeout(t)
	echo(t, s)
	idle, slow := dial(t, s), dial(t, s)
	began := time.Now()
	slow.write("00000000")
	// An occasional byte does not help: the limit is for the whole message.
	steady := dial(t, s)
	text := frame(`"` + strings.Repeat("x", 1000) + `"`)
	var err error
	for i := 0; err == nil && i < len(text); i++ {
		_, err = steady.Write([]byte(text[i : i+1]))
		time.Sleep(messageTimeout / 50)
	}
	if err == nil {
		t.Error("a message that took far too long was accepted")
	}
	slow.expectEnd()
	if took := time.Since(began); took < messageTimeout {
		t.Errorf("closed after %v of %v", took, messageTimeout)
	}
	// The time between messages is not limited.
	idle.send("1")
	idle.expect("1")
	expectStats(t, s, "dropped_timeout=2", "connections_open=1")
}

func TestMessageTimeoutCountsOnlyWhileACallReceives(t *testing.T) {
	t.Parallel()
	s := withMessageTimeout(t)
	p := dial(t, s)
	p.write(frame(number(1))[:12])
	attendUntil(t, s, "bytes_received", 12)
	// No call receives for longer than a message may take.
	time.Sleep(2 * messageTimeout)
	_, err := s.Receive(nil, 0)
	expectError(t, err, socket.ErrTimeout)
	p.expectOpen()
	p.write(frame(number(1))[12:])
	expectReceive(t, s, number(1))
	send(t, s, `"OK"`)
	p.expect(`"OK"`)

	// While a call receives, the time counts.
	p.write("0")
	done := startReceive(s)
	p.expectEnd()
	s.Cancel()
	expectError(t, await(t, done).err, socket.ErrCancelled)
	expectStats(t, s, "dropped_timeout=1")
}

func TestMessageTimeoutCanBeSwitchedOff(t *testing.T) {
	s := newServer(t, "message_timeout_ms=-1")
	p := dial(t, s)
	p.write("0000")
	attendUntil(t, s, "bytes_received", 4)
	_, err := s.Receive(nil, short)
	expectError(t, err, socket.ErrTimeout)
	p.expectOpen()
	// And on again, also for messages that have begun.
	set(t, s, "message_timeout_ms=1")
	attendUntil(t, s, "dropped_timeout", 1)
	p.expectEnd()
	expectStats(t, s, "dropped_timeout=1")
}

// Clients that wait to be accepted while others keep the server busy are accepted
// together, and not one in each round.
func TestNewClientsAmongBusyOnes(t *testing.T) {
	s := newServer(t, "one_way=1")
	const busy, new = 20, 50
	var connected []*plain
	for i := range busy {
		p := dial(t, s)
		p.send(number(i))
		expectReceive(t, s, number(i))
		connected = append(connected, p)
	}
	for _, p := range connected {
		p.write(strings.Repeat(frame(`"busy"`), 200))
	}
	for range new {
		dial(t, s).send(`"new"`)
	}
	came := 0
	for received := 0; came < new; received++ {
		if receive(t, s) == `"new"` {
			came++
		}
		if received == 20*busy+new {
			t.Fatalf("only %d of %d new clients were accepted within %d messages", came, new, received)
		}
	}
}

// A client that floods the server does not keep the others from their turn.
func TestFloodingClientLeavesOthersTheirTurn(t *testing.T) {
	s := newServer(t, "one_way=1")
	flood := dial(t, s)
	// No call receives yet, so that the buffers of both sides fill with messages.
	text := []byte(strings.Repeat(frame("1"), 5000))
	flooded := 0
	for {
		must(t, flood.SetWriteDeadline(time.Now().Add(5*moment)))
		n, err := flood.Write(text)
		flooded += n / len(frame("1"))
		if err != nil {
			expectError(t, err, os.ErrDeadlineExceeded)
			break
		}
	}
	// The messages of one read may come first, and not many more.
	const most = 3 * (64 << 10) / 11
	if flooded < 2*most {
		t.Fatalf("only %d messages fit into the buffers", flooded)
	}
	dial(t, s).send(`"honest"`)
	for i := 0; receive(t, s) != `"honest"`; i++ {
		if i == most {
			t.Fatalf("%d messages of the flood came before the one of the other client", most)
		}
	}
}

// A client with a long message does not keep the others from their turn either.
func TestLongMessageLeavesOthersTheirTurn(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	sent := start(func() error {
		_, err := p.Write([]byte(frame(long)))
		return err
	})
	select {
	case err := <-sent:
		t.Fatalf("the long message fits into the buffers, %v", err)
	case <-time.After(moment):
	}
	dial(t, s).send(`"short"`)
	expectReceive(t, s, `"short"`)
	m := receiveMessage(t, s)
	if string(m.Body) != long {
		t.Errorf("the long message came with %d bytes of %d", len(m.Body), len(long))
	}
	must(t, await(t, sent))
}
