package gateway

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"libobe/internal/socket"
	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

// TestDesignerProcess is the designer that other tests start: this program, with the name of an experiment, which says what
// it does, and an address.
func TestDesignerProcess(t *testing.T) {
	if os.Getenv("OBE_TEST_DESIGNER") == "" {
		t.Skip("it is started by other tests")
	}
	name, at := flag.Arg(0), flag.Arg(1)
	if name == "broken" {
		fmt.Println("first line\r\ncannot read the experiment broken.toml: no such file")
		os.Exit(3)
	}
	if name == "parent" || name == "stubborn" {
		if name == "stubborn" {
			signal.Ignore(syscall.SIGTERM)
		}
		child := exec.Command("sleep", "1000")
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		fmt.Println("child", child.Process.Pid)
	}
	host, port := at, 0
	if !strings.HasPrefix(at, "unix:") {
		if _, err := fmt.Sscanf(strings.TrimPrefix(at, "127.0.0.1:"), "%d", &port); err != nil {
			t.Fatal(err)
		}
		host = ""
	}
	s, err := socket.NewServer(host, port)
	if err != nil {
		t.Fatal(err)
	}
	measured := 0
	_ = s.Serve(func(m *socket.Message) {
		answer := `"OK"`
		switch command := commandOf(m.Body); command {
		case "newrun":
			measured = 0
		case "newdat":
			measured++
		case "count":
			answer = fmt.Sprint(measured)
		case "die":
			fmt.Print("a fault\nand no end of the line")
			os.Exit(7)
		case "done":
			_ = m.Reply([]byte(answer), time.Second)
			if name != "stays" {
				os.Exit(0)
			}
		}
		_ = m.Reply([]byte(answer), time.Second)
	}, nil)
}

// spawnerOf returns what starts such designers.
func spawnerOf(t testing.TB, told *events, place string) *Spawner {
	t.Helper()
	t.Setenv("OBE_TEST_DESIGNER", "1")
	program := os.Args[0]
	if runtime.GOOS == "windows" {
		program = `"` + program + `"`
	}
	s, err := NewSpawner(SpawnConfig{
		Command: program + " -test.run=^TestDesignerProcess$ {1} " + place,
		Client:  socket.NewClient,
		Tell:    told.take,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

const (
	newDat = `{"command": "newdat"}`
	count  = `{"command": "count"}`
	die    = `{"command": "die"}`
)

// spawning makes a back that starts designers, and returns what makes instruments of their subjects.
func spawning(t testing.TB, idle time.Duration, place string) (told *events, instrumentOf func(name string) *socket.Client, back *Back) {
	t.Helper()
	nats := natsserver.Start(t)
	told = newEvents()
	back, _ = newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.lab1.*", Spawner: spawnerOf(t, told, place), Idle: idle})
	return told, func(name string) *socket.Client {
		_, at, _ := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.lab1." + name})
		return instrument(t, at)
	}, back
}

// Each experiment gets a designer of its own at its first command. A run begins with newrun.
func TestDesignerForEachExperiment(t *testing.T) {
	for _, place := range []string{"{address}", "127.0.0.1:{port}"} {
		told, instrumentOf, back := spawning(t, time.Hour, place)
		a, b := instrumentOf("a"), instrumentOf("b")
		expectError(t, a, newDat, "no run has begun at obe.lab1.a since this gateway started; begin with newrun")
		if told.counted(EventDesigner) != 0 {
			t.Error("a refused command has started a designer")
		}
		expect(t, a, ready, `"OK"`)
		expectError(t, a, count, "begin with newrun")
		expect(t, a, newRun, `"OK"`)
		expect(t, b, newRun, `"OK"`)
		for range 3 {
			expect(t, a, newDat, `"OK"`)
		}
		expect(t, b, newDat, `"OK"`)
		expect(t, a, count, "3")
		expect(t, b, count, "1")
		if n := told.counted(EventDesigner); n != 2 {
			t.Errorf("%d designers: %v", n, told.texts)
		}
		report := back.Report()
		if len(report.Runs) != 2 || report.Runs[0].State != "run" || report.Runs[0].Designer == "" {
			t.Errorf("%+v", report)
		}
		back.Close()
	}
}

// A designer that dies, is idle for long, or has executed done has no run any more: no command but newrun is executed by
// its successor.
func TestRunOfALostDesigner(t *testing.T) {
	told, instrumentOf, back := spawning(t, time.Hour, "{address}")
	c := instrumentOf("a")
	expect(t, c, newRun, `"OK"`)
	expect(t, c, newDat, `"OK"`)
	expectError(t, c, die, "the designer of obe.lab1.a is gone: it has ended with exit status 7, and its last words were: and no end of the line")
	for range 2 {
		expectError(t, c, count, "the designer of obe.lab1.a is gone")
		expectError(t, c, count, "begin with newrun")
	}
	if run := back.Report().Runs[0]; run.State != "lost" || run.Problem == "" {
		t.Errorf("%+v", run)
	}
	expect(t, c, ready, `"OK"`) // starts it again, without a run
	expectError(t, c, count, "begin with newrun")
	expect(t, c, newRun, `"OK"`)
	expect(t, c, count, "0")

	expect(t, c, done, `"OK"`)
	expectError(t, c, count, "the run at obe.lab1.a was ended by done; begin with newrun")
	expect(t, c, newRun, `"OK"`)
	expect(t, c, count, "0")
	told.await(t, EventDesigner, 4) // three were started, and one has died

	// One that is killed while no command is under way.
	back.mu.Lock()
	w := back.workers["obe.lab1.a"]
	back.mu.Unlock()
	w.mu.Lock()
	d := w.designer
	w.mu.Unlock()
	if err := d.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	within(t, d.ended)
	for limit := time.Now().Add(systemtest.Timeout); back.Report().Runs[0].State != "lost"; {
		if time.Now().After(limit) {
			t.Fatal("it is not noticed")
		}
		time.Sleep(time.Millisecond) // a report is no event
	}
	expectError(t, c, count, "the designer of the run at obe.lab1.a is gone: it has ended")
	expect(t, c, newRun, `"OK"`)
}

// A designer that goes on after done gets no command any more, and is ended after a while.
func TestDesignerThatStays(t *testing.T) {
	told, instrumentOf, back := spawning(t, time.Hour, "{address}")
	back.config.Spawner.retirement = 100 * time.Millisecond
	c := instrumentOf("stays")
	for range 2 {
		expect(t, c, newRun, `"OK"`)
		expect(t, c, newDat, `"OK"`)
		expect(t, c, done, `"OK"`)
		expectError(t, c, count, "the run at obe.lab1.stays was ended by done; begin with newrun")
	}
	expect(t, c, newRun, `"OK"`)
	expect(t, c, count, "0")
	told.await(t, EventDesigner, 5)
	ended := 0
	for _, text := range told.told(EventDesigner) {
		if strings.Contains(text, "its designer is ended: it goes on 100ms after done") {
			ended++
		}
	}
	if ended != 2 {
		t.Errorf("%q", told.told(EventDesigner))
	}
}

// Several machines that start designers share a lab: an experiment stays on the one where its run has begun.
func TestDesignersOfSeveralMachines(t *testing.T) {
	nats := natsserver.Start(t)
	for range 2 {
		newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.lab1.*", Queue: "machines", Spawner: spawnerOf(t, newEvents(), "{address}")})
	}
	for i := range 6 {
		name := fmt.Sprint("x", i)
		front, at, _ := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.lab1." + name, Name: name})
		c := instrument(t, at)
		expectError(t, c, newDat, "several designers share obe.lab1."+name+": begin with newrun")
		expect(t, c, newRun, `"OK"`)
		designer := front.Report().Runs[0].Designer
		for n := range 3 {
			expect(t, c, newDat, `"OK"`)
			expect(t, c, count, fmt.Sprint(n+1))
		}
		expect(t, c, newRun, `"OK"`)
		expect(t, c, count, "0")
		if again := front.Report().Runs[0].Designer; again != designer || !strings.HasPrefix(designer, "obe.lab1."+name+"._") {
			t.Errorf("the designers are %s and %s", designer, again)
		}
		expectError(t, c, die, "is gone")
		expectError(t, c, count, "begin with newrun")
		expect(t, c, newRun, `"OK"`)
	}
}

// A designer without commands is ended, and its run is lost.
func TestIdleDesigner(t *testing.T) {
	told, instrumentOf, _ := spawning(t, 300*time.Millisecond, "{address}")
	c := instrumentOf("a")
	expect(t, c, newRun, `"OK"`)
	told.await(t, EventDesigner, 2)
	expectError(t, c, count, "the run at obe.lab1.a was ended, since no command came for 300ms; begin with newrun")
	expect(t, c, newRun, `"OK"`)
}

// A designer that cannot be started is an error at once, with what it has printed.
func TestBrokenDesigner(t *testing.T) {
	told, instrumentOf, _ := spawning(t, time.Hour, "{address}")
	c := instrumentOf("broken")
	began := time.Now()
	expectError(t, c, newRun, "the designer of broken could not be started: it has ended with exit status 3, and its last words were: cannot read the experiment broken.toml: no such file; the command was not executed")
	if took := time.Since(began); took > systemtest.Soon {
		t.Errorf("told after %v", took)
	}
	if got := fmt.Sprint(told.told(EventOutput)); got != "[broken: first line broken: cannot read the experiment broken.toml: no such file]" {
		t.Error(got)
	}
}

// Close ends all designers and removes their sockets.
func TestSpawnerCloses(t *testing.T) {
	told := newEvents()
	s := spawnerOf(t, told, "{address}")
	var all []*designer
	for _, name := range []string{"a", "b", "c"} {
		d, err := s.start(context.Background(), name, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	began := time.Now()
	s.Close()
	if took := time.Since(began); took > systemtest.Soon {
		t.Errorf("closed after %v", took)
	}
	for _, d := range all {
		if !d.hasEnded() {
			t.Errorf("%s has not ended", d.value)
		}
	}
	if s.directory != "" {
		if _, err := os.Stat(s.directory); err == nil {
			t.Errorf("%s is still there", s.directory)
		}
	}
	if _, err := s.start(context.Background(), "d", time.Minute); err == nil {
		t.Error("a designer was started after Close")
	}
}

// The designers' sockets are in a directory that no other user can enter.
func TestDirectoryOfSockets(t *testing.T) {
	if !unixSockets {
		t.Skip("designers listen on ports here")
	}
	deep := filepath.Join(systemtest.TempDir(t), strings.Repeat("d", 100))
	if err := os.Mkdir(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", deep)
	directory, err := privateDirectory()
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(directory)
	info, err := os.Stat(directory)
	if err != nil || info.Mode() != fs.ModeDir|0o700 || len(directory) > longestSocket-len("/1000000000.sock") {
		t.Errorf("%s: %v, %v", directory, info.Mode(), err)
	}
}

// A command line that cannot work is refused before anything is started.
func TestSpawnCommand(t *testing.T) {
	for line, want := range map[string]string{
		"":                                     "it is empty",
		"obe design {1}.toml":                  "either {address} or {port}",
		"obe design {1}.toml {address} {port}": "either {address} or {port}",
		"obe design x.toml {address}":          "it needs {1}",
		"{1} {address}":                        "the program has to be the same",
		"no-such-program {1} {address}":        "cannot find the program",
		"/no/such/program {1} {address}":       "cannot find the program",
	} {
		if _, err := NewSpawner(SpawnConfig{Command: line, Client: socket.NewClient, Tell: newEvents().take}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
	if runtime.GOOS == "windows" {
		return
	}
	for line, want := range map[string]string{
		"obe design '{1}.toml {address}":        "a quotation mark",
		"obe design {1}.toml {address}; reboot": "run without a shell",
		"obe design {1}.toml {address} | tee x": "run without a shell",
		"obe design {1}.toml {address} > log":   "run without a shell",
	} {
		if _, err := splitCommand(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
	words, err := splitCommand(`"/a b/obe" design '{1} x.toml' {address} a\ b`)
	if want := []string{"/a b/obe", "design", "{1} x.toml", "{address}", "a b"}; err != nil || fmt.Sprintf("%q", words) != fmt.Sprintf("%q", want) {
		t.Errorf("%q, %v", words, err)
	}
	// This program is found as obe, wherever it is.
	t.Setenv("PATH", "")
	if path, err := findProgram("obe"); err != nil || path == "" {
		t.Errorf("%q, %v", path, err)
	}
}

// What a designer prints is passed on by lines, whatever it prints.
func TestLastWords(t *testing.T) {
	var lines []string
	words := &lastWords{tell: func(line string) { lines = append(lines, line) }}
	for _, part := range []string{"on", "e\n\n \r\ntw", "o\r\n\xff\xfe\n", strings.Repeat("a", 5000), strings.Repeat("b", 5000) + "\nlast"} {
		if n, err := words.Write([]byte(part)); n != len(part) || err != nil {
			t.Error(n, err)
		}
	}
	words.flush()
	if len(lines) != 5 || lines[0] != "one" || lines[1] != "two" || lines[2] != "\uFFFD" || len(lines[3]) > maxLine+100 || lines[4] != "last" || words.last() != "last" {
		t.Errorf("%.2000q", lines)
	}
	lines = nil
	words.second = time.Now().Add(time.Hour) // this second does not end
	for range 10 * maxLines {
		_, _ = words.Write([]byte("y\n"))
	}
	words.second = time.Time{}
	_, _ = words.Write([]byte("last\n"))
	if len(lines) > maxLines+2 || lines[len(lines)-1] != "last" || !strings.HasSuffix(lines[len(lines)-2], "more lines were not shown") {
		t.Errorf("%d lines, at last %q", len(lines), lines[max(0, len(lines)-2):])
	}
}

// No more designers start at the same time than the machine bears, and a command waits for its turn no longer than its
// sender.
func TestDesignersStartInTurn(t *testing.T) {
	s := spawnerOf(t, newEvents(), "{address}")
	for range maxStarting {
		s.starting <- struct{}{}
	}
	if _, err := s.start(context.Background(), "a", 50*time.Millisecond); err == nil || !strings.Contains(err.Error(), "the designer of a was not started within 50ms, since 4 others were being started") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.start(ctx, "a", time.Minute); err == nil || !strings.Contains(err.Error(), "is ending") {
		t.Error(err)
	}
	<-s.starting
	if _, err := s.start(context.Background(), "a", time.Minute); err != nil {
		t.Error(err)
	}
}
