package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"libobe/internal/excerpt"
	"libobe/internal/socket"
)

// SpawnConfig is how designers are started.
type SpawnConfig struct {
	// Command is the command line of a designer. In its arguments, {1} is what the wildcard of the subject stands for,
	// {address} an address of the protocol that the gateway chooses, and {port} a port of 127.0.0.1.
	Command string
	// Environment is that of the designers; nil: that of this process.
	Environment []string
	// Client returns a client of a server that listens on this machine only.
	Client func(host string, port int) (*socket.Client, error)
	Tell   func(Event, string)
}

// Spawner starts a designer for each experiment, and ends them all when it is closed. On Linux and Windows they also end
// if this process is killed.
type Spawner struct {
	config    SpawnConfig
	argv      []string
	directory string // of their sockets; empty: they listen on ports
	keeper    keeper
	starting  chan struct{} // one for each designer that does not answer yet
	// retirement is how long a designer may go on after done.
	retirement time.Duration

	mu      sync.Mutex
	closed  bool
	last    int // number of the last one that was started
	running map[*designer]bool
}

const (
	// maxDesigners is how many designers run at once, and maxStarting how many of them start.
	maxDesigners = 256
	maxStarting  = 4
	// startTimeout is how long a designer may take until it answers: Python imports for long on a busy machine.
	startTimeout = 60 * time.Second
	// endTimeout is how long a designer may take to end before it is killed.
	endTimeout = 5 * time.Second
	// closeTimeout is the same when the gateway ends.
	closeTimeout = 80 * time.Millisecond
	// dyingTime is how long a process may take to end after its connections have.
	dyingTime = 200 * time.Millisecond
)

const (
	placeValue   = "{1}"
	placeAddress = "{address}"
	placePort    = "{port}"
)

// NewSpawner checks a command line. Nothing is started yet.
func NewSpawner(c SpawnConfig) (*Spawner, error) {
	argv, err := splitCommand(c.Command)
	if err != nil {
		return nil, err
	}
	if len(argv) == 0 {
		return nil, errors.New("it is empty, and needs a command line such as \"obe design {1}.toml {address}\"")
	}
	text := strings.Join(argv[1:], " ")
	hasAddress, hasPort := strings.Contains(text, placeAddress), strings.Contains(text, placePort)
	switch {
	case strings.ContainsAny(argv[0], "{}"):
		return nil, errors.New("the program has to be the same for all experiments; {1} is for its arguments")
	case hasAddress == hasPort:
		return nil, errors.New("it needs either {address} or {port}, so that the gateway can choose where the designer listens, as in \"obe design {1}.toml {address}\"")
	case !strings.Contains(text, placeValue):
		return nil, errors.New("it needs {1}, the name of the experiment, as in \"obe design {1}.toml {address}\"")
	}
	if argv[0], err = findProgram(argv[0]); err != nil {
		return nil, err
	}
	s := &Spawner{config: c, argv: argv, running: map[*designer]bool{}, starting: make(chan struct{}, maxStarting), retirement: time.Minute}
	if hasAddress && unixSockets {
		if s.directory, err = privateDirectory(); err != nil {
			return nil, fmt.Errorf("no directory for the sockets of the designers: %w", err)
		}
	}
	if s.keeper, err = newKeeper(); err != nil {
		s.removeDirectory()
		return nil, err
	}
	return s, nil
}

// findProgram returns the path of a program. This one is found as obe wherever it is.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return filepath.Abs(path)
	}
	if own, ownErr := os.Executable(); name == "obe" && ownErr == nil {
		return own, nil
	}
	return "", fmt.Errorf("cannot find the program: %w", err)
}

// longestSocket is how long the path of a socket may be on every system.
const longestSocket = 100

// privateDirectory makes a directory that only this user can enter, with a name that is short enough for sockets in it.
func privateDirectory() (string, error) {
	directory, err := os.MkdirTemp("", "obe-gateway-")
	if err == nil && len(directory)+len("/1000000000.sock") > longestSocket {
		_ = os.Remove(directory)
		directory, err = os.MkdirTemp("/tmp", "obe-gateway-")
	}
	return directory, err
}

func (s *Spawner) removeDirectory() {
	if s.directory != "" {
		_ = os.RemoveAll(s.directory)
	}
}

// designer is a process that was started.
type designer struct {
	value   string
	client  *socket.Client
	process *exec.Cmd
	socket  string // path; empty: it listens on a port
	words   lastWords
	ended   chan struct{} // closed when the process has ended
	asked   bool          // to end; guarded by Spawner.mu
}

func (d *designer) hasEnded() bool {
	select {
	case <-d.ended:
		return true
	default:
		return false
	}
}

// endsSoon is hasEnded for a designer whose connection has just broken.
func (d *designer) endsSoon() bool {
	select {
	case <-d.ended:
		return true
	case <-time.After(dyingTime):
		return false
	}
}

// epitaph says how a designer has ended.
func (d *designer) epitaph() string {
	text := "it has ended with " + d.process.ProcessState.String()
	if last := d.words.last(); last != "" {
		text += ", and its last words were: " + last
	}
	return text
}

// start starts the designer of an experiment, and waits until it answers. patience is how long it may have to wait until
// others have started.
func (s *Spawner) start(ctx context.Context, value string, patience time.Duration) (*designer, error) {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case s.starting <- struct{}{}:
		defer func() { <-s.starting }()
	case <-late.C:
		return nil, fmt.Errorf("the designer of %s was not started within %v, since %d others were being started", value, patience.Round(time.Millisecond), maxStarting)
	case <-ctx.Done():
		return nil, errors.New(errEnding)
	}
	d, err := s.launch(value)
	if err != nil {
		return nil, fmt.Errorf("the designer of %s could not be started: %w", value, err)
	}
	began := time.Now()
	answered := make(chan error, 1)
	go func() { answered <- d.client.WaitReady(startTimeout) }()
	select {
	case err = <-answered:
		if err == nil {
			s.config.Tell(EventDesigner, fmt.Sprintf("%s: its designer was started in %.2f s (process %d)", value, time.Since(began).Seconds(), d.process.Process.Pid))
			return d, nil
		}
		s.end(d, fmt.Sprintf("it did not answer within %v", startTimeout))
		err = fmt.Errorf("the designer of %s was started, and did not answer within %v: %w", value, startTimeout, err)
	case <-d.ended:
		err = fmt.Errorf("the designer of %s could not be started: %s", value, d.epitaph())
	case <-ctx.Done():
		err = errors.New(errEnding)
	}
	d.client.Free()
	return nil, err
}

// launch starts a process.
func (s *Spawner) launch(value string) (*designer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New(errEnding)
	}
	if len(s.running) == maxDesigners {
		return nil, fmt.Errorf("%d designers run already; wait until one of them was idle for long enough, or end it with done", maxDesigners)
	}
	s.last++
	d := &designer{value: value, ended: make(chan struct{})}
	host, port := "", 0
	if s.directory != "" {
		d.socket = filepath.Join(s.directory, strconv.Itoa(s.last)+".sock")
		host = "unix:" + d.socket
	} else {
		var err error
		if port, err = freePort(); err != nil {
			return nil, err
		}
	}
	var err error
	if d.client, err = s.config.Client(host, port); err != nil {
		return nil, err
	}
	replace := strings.NewReplacer(placeValue, value, placeAddress, d.client.Address(), placePort, strconv.Itoa(port))
	var args []string
	for _, arg := range s.argv[1:] {
		args = append(args, replace.Replace(arg))
	}
	d.process = exec.Command(s.argv[0], args...)
	d.process.Env = s.config.Environment
	d.words.tell = func(line string) { s.config.Tell(EventOutput, value+": "+line) }
	d.process.Stdout, d.process.Stderr = &d.words, &d.words
	d.process.WaitDelay = dyingTime // a process that it has started may hold its output
	if err := s.keeper.start(d.process); err != nil {
		d.client.Free()
		return nil, err
	}
	s.running[d] = true
	go s.wait(d)
	return d, nil
}

// wait waits for the end of a designer.
func (s *Spawner) wait(d *designer) {
	_ = d.process.Wait()
	s.keeper.ended(d.process)
	d.words.flush()
	if d.socket != "" {
		_ = os.Remove(d.socket)
	}
	s.mu.Lock()
	delete(s.running, d)
	expected := d.asked
	s.mu.Unlock()
	if !expected {
		s.config.Tell(EventDesigner, fmt.Sprintf("%s: its designer is gone: %s", d.value, d.epitaph()))
	}
	close(d.ended)
}

// expectEnd says that a designer was asked to end.
func (s *Spawner) expectEnd(d *designer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.asked = true
}

// retire lets a designer end that has executed done. One that goes on for long is ended.
func (s *Spawner) retire(d *designer) {
	s.expectEnd(d)
	go func() {
		select {
		case <-d.ended:
		case <-time.After(s.retirement):
			s.end(d, fmt.Sprintf("it goes on %v after done", s.retirement))
		}
	}()
}

// end ends a designer, and waits for that.
func (s *Spawner) end(d *designer, why string) {
	s.expectEnd(d)
	if d.hasEnded() {
		return
	}
	s.config.Tell(EventDesigner, fmt.Sprintf("%s: its designer is ended: %s", d.value, why))
	s.keeper.terminate(d.process)
	select {
	case <-d.ended:
	case <-time.After(endTimeout):
		s.keeper.kill(d.process)
		<-d.ended
	}
}

// Close ends all designers, which have a moment for that, and starts no more.
func (s *Spawner) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	var all []*designer
	for d := range s.running {
		d.asked = true
		all = append(all, d)
	}
	s.mu.Unlock()
	for _, d := range all {
		s.keeper.terminate(d.process)
	}
	late := time.After(closeTimeout)
	for _, d := range all {
		select {
		case <-d.ended:
		case <-late:
			for _, d := range all {
				if !d.hasEnded() {
					s.keeper.kill(d.process)
				}
			}
			<-d.ended
		}
	}
	s.keeper.close()
	s.removeDirectory()
}

// freePort returns a port that is free at this moment. Another program may take it before the designer does, which then
// ends with an error.
func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// lastWords passes on what a process prints, line by line, and remembers the last line.
type lastWords struct {
	tell func(line string)

	mu     sync.Mutex
	part   []byte // of a line
	line   string
	second time.Time // when the lines that count began
	lines  int       // since then
}

var _ io.Writer = (*lastWords)(nil)

const (
	// maxLine is how much of a line is passed on, in bytes.
	maxLine = 1000
	// maxLines is how many lines are passed on in a second.
	maxLines = 100
)

// Write reads what the process has printed.
func (l *lastWords) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := len(p)
	for {
		line, rest, found := bytes.Cut(p, []byte("\n"))
		if room := maxLine + 1 - len(l.part); room > 0 {
			l.part = append(l.part, line[:min(len(line), room)]...)
		}
		if !found {
			return size, nil
		}
		l.end()
		p = rest
	}
}

// flush ends a line that has no end.
func (l *lastWords) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end()
}

func (l *lastWords) end() {
	line := excerpt.Cut(strings.ToValidUTF8(strings.TrimRight(string(l.part), "\r"), "\uFFFD"), maxLine)
	l.part = l.part[:0]
	if strings.TrimSpace(line) == "" {
		return
	}
	l.line = line
	if now := time.Now(); now.Sub(l.second) >= time.Second {
		if more := l.lines - maxLines; more > 0 {
			l.tell(fmt.Sprintf("%d more lines were not shown", more))
		}
		l.second, l.lines = now, 0
	}
	if l.lines++; l.lines <= maxLines {
		l.tell(line)
	}
}

func (l *lastWords) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.line
}
