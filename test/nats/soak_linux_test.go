package nats

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

var soakTime = flag.Duration("soak", 20*time.Second, "how long TestSoak takes")

// The limits of a soaking gateway: how long it waits for a designer, and how much later than that an execution may
// begin, since two clocks are read on a busy machine.
const (
	soakLimit = 2 * time.Second
	soakSlack = 500 * time.Millisecond
)

// soakCommand is a command, and what became of it.
type soakCommand struct {
	sent    time.Time
	outcome string // "answered", "abandoned", "broken" or the error of the reply
}

// soakStation is a subject with its designer, and gateways that are killed and some that are not.
type soakStation struct {
	subject  string
	designer *designerProcess
	back     *gateway
	killed   bool // the back was killed since the designer was started
	mortal   bool // the back is killed now and then
	flags    []string
}

type soak struct {
	t        *testing.T
	server   *natsserver.Server
	stations []*soakStation
	over     chan struct{}

	mu       sync.Mutex
	commands map[int64]*soakCommand
	wrong    int // replies to another command
	killed   map[string]int
	died     int // originals that died with their gateway
}

// TestSoak: NATS server, gateways, designers and instruments are killed at random. No reply is that of another command;
// no command is executed twice, or after its time; none is answered that was not executed; and gateways that live
// through it need no more memory and descriptors at the end.
func TestSoak(t *testing.T) {
	s := &soak{t: t, server: natsserver.Start(t), over: make(chan struct{}), commands: map[int64]*soakCommand{}, killed: map[string]int{}}
	flat := map[string]*process{}
	var fronts []*soakFront
	for k := range 4 {
		station := &soakStation{subject: fmt.Sprintf("obe.soak%d", k), mortal: k > 0}
		kind := "libobe"
		if k%2 == 1 {
			kind = "original"
		} else if k == 2 {
			station.flags = []string{"--persistent"}
		}
		station.designer = startProcess(t, kind)
		station.back = back(t, s.server.URL(), station.subject, station.designer.address, station.flags...)
		if !station.mortal {
			flat["back"] = station.back.process
		}
		s.stations = append(s.stations, station)
		for n := range 2 {
			f := &soakFront{mortal: n > 0, subject: station.subject}
			f.address = fmt.Sprintf("127.0.0.1:%d", natsserver.FreePort(t))
			f.start(s)
			fronts = append(fronts, f)
			if k == 0 && n == 0 {
				flat["front"] = f.gateway.process
			}
		}
	}
	var all, killing sync.WaitGroup
	names := slices.Sorted(maps.Keys(instruments))
	for k, f := range fronts {
		all.Go(func() { s.work(names[k%len(names)], f.address) })
		all.Go(func() { s.work("original", f.address) })
	}
	stop := make(chan struct{})
	killing.Go(func() { s.kill(stop, fronts) })
	gauges := map[string][]float64{}
	sample := time.NewTicker(*soakTime / 40)
	defer sample.Stop()
	for end := time.After(*soakTime); ; {
		select {
		case <-sample.C:
			for name, p := range flat {
				gauges[name+" memory, MB"] = append(gauges[name+" memory, MB"], float64(p.memory())/1e6)
				gauges[name+" descriptors"] = append(gauges[name+" descriptors"], float64(p.descriptors()))
			}
			continue
		case <-end:
		}
		break
	}
	close(stop)
	killing.Wait()
	// All works again, when the killing has ended.
	for _, f := range fronts {
		i := original{address: f.address}
		s.again(i)
	}
	close(s.over)
	all.Wait()
	s.check()
	for _, name := range slices.Sorted(maps.Keys(gauges)) {
		values := gauges[name]
		first, last := median(values[len(values)/4:len(values)/2]), median(values[3*len(values)/4:])
		t.Logf("%s: %.1f in the second quarter, %.1f in the last, %.1f at most", name, first, last, slices.Max(values))
		tolerance := 8.0
		if strings.HasSuffix(name, "MB") {
			tolerance = 16
		}
		if last > first+tolerance {
			t.Errorf("%s grew from %.1f to %.1f", name, first, last)
		}
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// soakFront is a gateway beside instruments.
type soakFront struct {
	mortal  bool
	subject string
	address string
	gateway *gateway
}

func (f *soakFront) start(s *soak) {
	f.gateway = frontAt(s.t, f.address, s.server.URL(), f.subject, "--timeout", soakLimit.String())
}

// again asks until a command is answered.
func (s *soak) again(i instrument) {
	for limit := time.Now().Add(systemtest.Timeout); time.Now().Before(limit); time.Sleep(10 * time.Millisecond) {
		if s.ask(i, newWork("newrun")) == "answered" {
			return
		}
	}
	s.t.Errorf("nothing works any more")
}

// ask sends a command, and keeps what became of it.
func (s *soak) ask(i instrument, w *work) string {
	text := w.text(s.t)
	c := &soakCommand{sent: time.Now(), outcome: "broken"}
	s.mu.Lock()
	s.commands[w.Number] = c
	s.mu.Unlock()
	reply, err := i.ask(text, soakLimit+systemtest.Timeout)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if timedOut(err) {
			s.t.Errorf("a gateway gave no reply: %v", err)
		}
		return c.outcome // its gateway was killed
	}
	if f := failureOf(reply); f.Error != "" {
		c.outcome = f.Error
		return c.outcome
	}
	if _, err := w.resultOf(text, reply); err != nil {
		s.wrong++
		s.t.Error(err)
	}
	c.outcome = "answered"
	return c.outcome
}

// work sends commands until the end, and sometimes does as an instrument that is killed.
func (s *soak) work(kind, address string) {
	i := instruments[kind](s.t, address)
	defer func() { i.close() }()
	for {
		select {
		case <-s.over:
			return
		default:
		}
		w := newWork("newrun")
		w.Hold = rand.IntN(4)
		w.Want = rand.IntN(3000)
		if rand.IntN(200) == 0 {
			w.Pad, w.Want = strings.Repeat("p", 1_500_000), 1_500_000
		}
		if rand.IntN(100) == 0 {
			s.abandon(address, w)
			continue
		}
		if outcome := s.ask(i, w); outcome != "answered" {
			time.Sleep(time.Duration(1+rand.IntN(10)) * time.Millisecond) // as an instrument does that tries again
		}
	}
}

// abandon sends a command, or a part of it, and ends the connection.
func (s *soak) abandon(address string, w *work) {
	text := w.text(s.t)
	s.mu.Lock()
	s.commands[w.Number] = &soakCommand{sent: time.Now(), outcome: "abandoned"}
	s.killed["instrument"]++
	s.mu.Unlock()
	conn, err := dialSoon(address)
	if err != nil {
		return // the gateway is gone
	}
	defer conn.Close()
	if rand.IntN(2) == 0 {
		_ = writeFrame(conn, text)
		time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond) // any moment
	} else {
		_, _ = conn.Write(append([]byte(fmt.Sprintf("%010d", len(text))), text[:rand.IntN(len(text))]...))
	}
	if rand.IntN(2) == 0 {
		_ = conn.SetLinger(0)
	}
}

// kill kills something at random, again and again, and starts it again.
func (s *soak) kill(stop chan struct{}, fronts []*soakFront) {
	for {
		select {
		case <-stop:
			for _, station := range s.stations {
				s.revive(station)
			}
			return
		case <-time.After(time.Duration(50+rand.IntN(500)) * time.Millisecond):
		}
		station := s.stations[rand.IntN(len(s.stations))]
		s.revive(station)
		what := ""
		switch rand.IntN(4) {
		case 0:
			what = "nats-server"
			s.server.Kill()
			time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
			s.server.Restart()
		case 1:
			what = "front"
			f := fronts[rand.IntN(len(fronts))]
			if !f.mortal {
				continue
			}
			f.gateway.kill()
			f.start(s)
		case 2:
			what = "back"
			if !station.mortal {
				continue
			}
			station.back.kill()
			station.killed = true
			station.back = startBack(s.t, s.server.URL(), station.subject, append([]string{"--to", station.designer.address}, station.flags...)...)
		case 3:
			what = "designer"
			station.designer.kill()
			station.designer.restart()
			station.killed = false
		}
		s.mu.Lock()
		s.killed[what]++
		s.mu.Unlock()
	}
}

// revive starts again what has ended by itself: a gateway whose subject was still in use by its predecessor, and an
// original that got half a message of a killed gateway.
func (s *soak) revive(station *soakStation) {
	select {
	case <-station.designer.ended:
		if !station.killed {
			s.t.Errorf("%s died, and its gateway was not killed: %s", station.designer.name, station.designer.tail(3))
		}
		s.died++
		station.designer.restart()
		station.killed = false
	default:
	}
	select {
	case <-station.back.ended:
		if !station.mortal || !station.back.wrote("in use") {
			s.t.Errorf("a gateway ended: %s", station.back.tail(5))
		}
		station.back = startBack(s.t, s.server.URL(), station.subject, append([]string{"--to", station.designer.address}, station.flags...)...)
	default:
	}
}

// names are what makes sentences of the same kind differ.
var names = regexp.MustCompile(`\(.*?\)|obe\.soak\d[._A-Z0-9a-z]*|127\.0\.0\.1:\d+|\d+(\.\d+)?m?s`)

// check compares what instruments were told with the journals of the designers.
func (s *soak) check() {
	executed := map[int64]int{}
	late, twice, lost, never := 0, 0, 0, 0
	for _, station := range s.stations {
		for _, e := range station.designer.executions() {
			executed[e.number]++
			c := s.commands[e.number]
			if c == nil {
				s.t.Errorf("command %d was never sent", e.number)
			} else if e.at.Sub(c.sent) > soakLimit+soakSlack {
				late++
				s.t.Errorf("command %d was executed %v after it was sent: %s", e.number, e.at.Sub(c.sent), c.outcome)
			}
		}
	}
	outcomes := map[string]int{}
	for number, c := range s.commands {
		n := executed[number]
		outcomes[names.ReplaceAllString(c.outcome, "…")]++
		switch {
		case n > 1:
			twice++
			s.t.Errorf("command %d was executed %d times: %s", number, n, c.outcome)
		case n == 0 && c.outcome == "answered":
			lost++
			s.t.Errorf("command %d was answered, and not executed", number)
		case n == 1 && surelyNotExecuted(c.outcome):
			never++
			s.t.Errorf("command %d was executed, and its reply says %q", number, c.outcome)
		}
	}
	s.t.Logf("%v: %d commands, %d executed, %d answered; killed: %v, and %d originals died with their gateway", *soakTime,
		len(s.commands), len(executed), outcomes["answered"], s.killed, s.died)
	s.t.Logf("%d replies to another command, %d executed twice, %d late, %d answered and not executed, %d executed and told not to be",
		s.wrong, twice, late, lost, never)
	for _, outcome := range slices.Sorted(maps.Keys(outcomes)) {
		s.t.Logf("%7d %s", outcomes[outcome], outcome)
	}
	if outcomes["answered"] == 0 {
		s.t.Error("no command was answered")
	}
}
