package nats

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

// TestFlood: more commands at once than a gateway takes. Each is answered: with its own reply, or with "busy", and then
// it was not executed.
func TestFlood(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t)
	d := startServer(t, "designer")
	b := back(t, server.URL(), "obe.flood", d.address, "--persistent")
	f := front(t, server.URL(), "obe.flood", "--timeout", "20s")
	i := original{address: f.address}
	newWork("newrun").do(t, i)
	const commands = 1500
	var answered, busy, other atomic.Int64
	var all sync.WaitGroup
	for range commands {
		all.Go(func() {
			w := newWork("work")
			w.Hold = 5
			text := w.text(t)
			reply, err := i.ask(text, systemtest.Timeout)
			switch failure := failureOf(reply).Error; {
			case err != nil:
				t.Errorf("no reply: %v", err)
			case failure == "":
				if _, err := w.resultOf(text, reply); err != nil {
					t.Error(err)
				}
				if n := d.times(w.Number); n != 1 {
					t.Errorf("a command was answered, and executed %d times", n)
				}
				answered.Add(1)
			case strings.Contains(failure, "busy"):
				if n := d.times(w.Number); n != 0 {
					t.Errorf("a command was executed %d times, and its reply is %q", n, failure)
				}
				busy.Add(1)
			default:
				other.Add(1)
				t.Logf("%q", failure)
			}
		})
	}
	all.Wait()
	newWork("work").do(t, i)
	if answered.Load() == 0 || busy.Load() == 0 {
		t.Errorf("%d answered, %d refused as busy", answered.Load(), busy.Load())
	}
	t.Logf("%d commands at once: %d answered, %d refused as busy, %d others; the gateways have %.0f and %.0f MB", commands,
		answered.Load(), busy.Load(), other.Load(), mb(f.memory()), mb(b.memory()))
}

// TestStrangers: another program of the same NATS account answers every command first, with a wrong number of it or
// none, and sends what is no command, to every subject that it sees. Each command gets its own reply.
func TestStrangers(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t)
	d := startServer(t, "designer")
	b := back(t, server.URL(), "obe.strange", d.address)
	f := front(t, server.URL(), "obe.strange")
	conn := connect(t, server.URL())
	var sent atomic.Int64
	if _, err := conn.Subscribe("obe.>", func(m *nats.Msg) {
		if m.Reply == "" || m.Header.Get("Obe-Id") == "" {
			return
		}
		for _, forged := range []*nats.Msg{
			{Data: []byte(`"forged"`)},
			{Data: []byte(`"forged"`), Header: nats.Header{"Obe-Id": {strings.Repeat("0", 32)}}},
			{Data: []byte("forged"), Header: nats.Header{"Obe-Status": {"BUSY"}}},
			{Data: []byte(`{"stream":"OBE", "seq":1}`)},
			{Header: nats.Header{"Obe-Part": {"1/3"}, "Obe-Size": {"60000000"}}, Data: []byte("forged")},
		} {
			forged.Subject = m.Reply
			_ = conn.PublishMsg(forged)
			sent.Add(1)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	i := instruments["libobe kept"](t, f.address)
	defer i.close()
	newWork("newrun").do(t, i)
	const commands = 300
	for k := range commands {
		w := newWork("work")
		if k%50 == 0 {
			w.Pad, w.Want = strings.Repeat("p", 2_500_000), 2_500_000
		}
		if k%7 == 0 {
			w.Hold = 2 // so that what is forged comes first
		}
		w.do(t, i)
	}
	// What is no command, and parts of messages that are never completed.
	private := awaitDesigners(t, server.URL(), "obe.strange", 1)[0]
	garbage := conn.NewInbox()
	for k := range 3000 {
		for _, subject := range []string{"obe.strange", private, "obe.strange._who"} {
			m := &nats.Msg{Subject: subject, Reply: garbage, Data: []byte("garbage \x00\xff")}
			switch k % 4 {
			case 0:
				m.Header = nats.Header{"Obe-Id": {strconv.Itoa(k)}, "Obe-Part": {"1/60"}, "Obe-Size": {"60000000"}, "Obe-Timeout": {"600000"}}
				m.Data = make([]byte, 1000)
			case 1:
				m.Header = nats.Header{"Obe-Id": {strings.Repeat("x", 5000)}, "Obe-Part": {"-1/0"}, "Obe-Size": {"-5"}, "Obe-Timeout": {"-1"}}
			case 2:
				m.Header = nats.Header{"Obe-Ack": {"99999999"}, "Obe-Id": {strconv.Itoa(k)}}
			}
			if err := conn.PublishMsg(m); err != nil {
				t.Fatal(err)
			}
			sent.Add(1)
		}
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	r, failed := again(t, i, "work") // its queue is full at first
	for range 20 {
		if next := newWork("work").do(t, i); next.Run != r.Run {
			t.Errorf("the run %d became %d", r.Run, next.Run)
		}
	}
	if b.memory() > 300e6 || f.memory() > 300e6 {
		t.Errorf("the gateways have %.0f and %.0f MB", mb(b.memory()), mb(f.memory()))
	}
	if _, repeated := d.all(); repeated != 0 {
		t.Errorf("%d commands were executed more than once", repeated)
	}
	t.Logf("%d messages of a stranger: %d commands got their own replies; %d failed while garbage filled the queue; the gateways have %.0f and %.0f MB",
		sent.Load(), commands+22, len(failed), mb(f.memory()), mb(b.memory()))
}

// TestSlowReaders: instruments that do not read large replies hold up no others.
func TestSlowReaders(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t)
	d := startServer(t, "designer")
	f := front(t, server.URL(), "obe.slow")
	back(t, server.URL(), "obe.slow", d.address)
	i := instruments["original"](t, f.address)
	newWork("newrun").do(t, i)
	const slow = 5
	for range slow {
		w := newWork("work")
		w.Want = 10_000_000
		conn := dialRaw(t, f.address)
		if err := writeFrame(conn, w.text(t)); err != nil {
			t.Fatal(err)
		}
	}
	longest := time.Duration(0)
	for range 100 {
		began := time.Now()
		newWork("work").do(t, i)
		longest = max(longest, time.Since(began))
	}
	if longest > systemtest.Soon {
		t.Errorf("a command took %v", longest)
	}
	t.Logf("%d instruments do not read replies of 10 MB: 100 commands of others took %v at most", slow, longest.Round(time.Millisecond))
}

// TestEnd: a gateway that is told to end ends at once. The command under way fails with a sentence at one end, and with
// the connection at the other; it is not executed again.
func TestEnd(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t)
	for _, which := range []string{"back", "front"} {
		t.Run(which, func(t *testing.T) {
			d := startServer(t, "designer")
			working := make(chan struct{}, 1)
			d.began = func(w work) {
				if w.Command == "held" {
					working <- struct{}{}
				}
			}
			subject := "obe.end." + which
			b, f := back(t, server.URL(), subject, d.address), front(t, server.URL(), subject)
			i := instruments["original"](t, f.address)
			newWork("newrun").do(t, i)
			held := newWork("held")
			held.Hold = 300
			done := make(chan string, 1)
			go func() {
				reply, err := i.ask(held.text(t), systemtest.Timeout)
				if err != nil {
					done <- err.Error()
					return
				}
				done <- failureOf(reply).Error
			}()
			<-working
			ended := b.process
			if which == "front" {
				ended = f.process
			}
			began := time.Now()
			if err := ended.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			told := <-done
			if told == "" || surelyNotExecuted(told) {
				t.Errorf("the command under way ended with %q", told)
			}
			const terminated = 143
			if status := ended.status(); status != terminated || time.Since(began) > systemtest.Soon {
				t.Errorf("it ended with %d, after %v", status, time.Since(began))
			}
			if which == "back" {
				back(t, server.URL(), subject, d.address)
			} else {
				f = front(t, server.URL(), subject)
				i = instruments["original"](t, f.address)
			}
			newWork("newrun").do(t, i)
			if n := d.times(held.Number); n != 1 {
				t.Errorf("the command under way was executed %d times", n)
			}
			t.Logf("the %s ended while a command was under way, which was told %q", which, told)
		})
	}
}

// TestFewDescriptors: a gateway that has no descriptors left serves the instruments that it has, and new ones later.
func TestFewDescriptors(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t)
	d := startServer(t, "designer")
	back(t, server.URL(), "obe.few", d.address)
	p := startCommand(t, "front with 40 descriptors", exec.Command("sh", "-c",
		fmt.Sprintf("ulimit -n 40; exec '%s' gateway --listen 127.0.0.1:0 --nats %s --subject obe.few", obeProgram, server.URL())))
	address := listening(p)
	i := instruments["original"](t, address)
	newWork("newrun").do(t, i)
	var conns []*rawConn
	for range 100 {
		conns = append(conns, dialRaw(t, address))
	}
	answered := 0
	for range 20 {
		w := newWork("work")
		if reply, err := i.ask(w.text(t), systemtest.Soon); err == nil && failureOf(reply).Error == "" {
			answered++
		}
	}
	for _, conn := range conns {
		conn.close()
	}
	again(t, i, "work")
	for range 20 {
		newWork("work").do(t, i)
	}
	t.Logf("100 connections to a gateway with 40 descriptors: %d of 20 commands answered meanwhile, and all after that", answered)
}
