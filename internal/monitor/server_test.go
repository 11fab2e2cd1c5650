package monitor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"libobe/internal/httpserver"
	"libobe/internal/systemtest"
)

const limit = systemtest.Timeout

var testFiles = fstest.MapFS{
	"index.html": {Data: []byte("<!doctype html>")},
	"page.js":    {Data: []byte("'use strict'")},
	"page.css":   {Data: []byte("body {}")},
	"notes.exe":  {Data: []byte("no")},
}

// site is a server of a model.
type site struct {
	t      *testing.T
	model  *Model
	server *Server
	at     string // host:port
	base   string // the address of the page

	mu   sync.Mutex
	told []string
}

func serve(t *testing.T, m *Model, token string) *site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, model: m, at: l.Addr().String(), base: "http://" + l.Addr().String() + "/"}
	if token != "" {
		s.base += token + "/"
	}
	s.server = NewServer(Config{Model: m, Files: testFiles, Listener: l, Token: token, Host: "lab3.example", Tell: func(text string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.told = append(s.told, text)
	}})
	ended := make(chan error, 1)
	go func() { ended <- s.server.Serve() }()
	t.Cleanup(func() {
		s.server.Close()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(limit):
			t.Error("the server did not end")
		}
	})
	return s
}

// do sends a request, and returns the answer and its body.
func (s *site) do(r *http.Request) (*http.Response, string) {
	s.t.Helper()
	client := http.Client{Timeout: limit, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	response, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response, string(body)
}

func (s *site) get(path string) (int, string) {
	s.t.Helper()
	response, body := s.do(s.request("GET", path))
	return response.StatusCode, body
}

func (s *site) request(method, path string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// stream are the events that a browser gets.
type stream struct {
	t    *testing.T
	in   *bufio.Reader
	stop func()
}

// follow opens a stream of events. It is false if the server refuses it, with what it says.
func (s *site) follow(query string) (events *stream, refusal string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*limit)
	r := s.request("GET", "events"+query).WithContext(ctx)
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			_ = conn.(*net.TCPConn).SetReadBuffer(256 << 10) // or the system holds many frames for a slow reader
		}
		return conn, err
	}}
	response, err := transport.RoundTrip(r)
	if err != nil {
		cancel()
		s.t.Fatal(err)
	}
	stop := func() {
		cancel()
		response.Body.Close()
		transport.CloseIdleConnections()
	}
	s.t.Cleanup(stop)
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(response.Body)
		stop()
		return nil, string(body)
	}
	if kind := response.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		s.t.Errorf("the type is %s", kind)
	}
	return &stream{s.t, bufio.NewReaderSize(response.Body, 1<<16), stop}, ""
}

// next waits for the next frame.
func (s *stream) next() *decoded {
	s.t.Helper()
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			s.t.Fatal(err)
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			return decode(s.t, data)
		}
	}
}

// decoded is what of a frame the tests look at.
type decoded struct {
	State string
	Run   *struct {
		Number, Measurements int
		Rate                 float64
		Points               struct{ Number []int }
	}
}

func decode(t *testing.T, text string) *decoded {
	t.Helper()
	f := &decoded{}
	if err := json.Unmarshal([]byte(text), f); err != nil {
		t.Fatalf("%v in %.300s", err, text)
	}
	return f
}

// Every answer has the headers that protect the page, errors included.
func TestHeaders(t *testing.T) {
	for _, token := range []string{"", "TOKEN"} {
		m := New("", nil)
		s := serve(t, m, token)
		k := newTalk(t, m)
		k.newRun()
		for _, c := range []struct {
			method, path string
			status       int
			kind         string
		}{
			{"GET", "", 200, "text/html; charset=utf-8"},
			{"HEAD", "", 200, "text/html; charset=utf-8"},
			{"GET", "index.html", 200, "text/html; charset=utf-8"},
			{"GET", "page.js", 200, "text/javascript; charset=utf-8"},
			{"GET", "page.css?x=1", 200, "text/css; charset=utf-8"},
			{"GET", "snapshot", 200, "application/json; charset=utf-8"},
			{"HEAD", "snapshot", 200, "application/json; charset=utf-8"},
			{"HEAD", "events", 200, "text/event-stream; charset=utf-8"},
			{"GET", "run.csv", 200, "text/csv; charset=utf-8; header=present"},
			{"HEAD", "run.csv", 200, "text/csv; charset=utf-8; header=present"},
			{"GET", "notes.exe", 404, "text/plain; charset=utf-8"},
			{"GET", "nothing", 404, "text/plain; charset=utf-8"},
			{"GET", "../server.go", 404, "text/plain; charset=utf-8"},
			{"GET", "%2e%2e/server.go", 404, "text/plain; charset=utf-8"},
			{"GET", "snapshot/", 404, "text/plain; charset=utf-8"},
			{"GET", "snapshot?points=99", 400, "text/plain; charset=utf-8"},
			{"GET", "events?run=2", 404, "text/plain; charset=utf-8"},
			{"GET", "run.csv?run=2", 404, "text/plain; charset=utf-8"},
			{"POST", "snapshot", 405, "text/plain; charset=utf-8"},
			{"DELETE", "", 405, "text/plain; charset=utf-8"},
		} {
			r := s.request(c.method, c.path)
			response, body := s.do(r)
			if response.StatusCode != c.status || response.Header.Get("Content-Type") != c.kind {
				t.Errorf("%s %s: %d, %s, %.100q", c.method, c.path, response.StatusCode, response.Header.Get("Content-Type"), body)
			}
			for name, want := range map[string]string{
				"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
				"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin", "Access-Control-Allow-Origin": "",
			} {
				if got := response.Header.Get(name); got != want {
					t.Errorf("%s %s: %s is %q", c.method, c.path, name, got)
				}
			}
			if c.status >= 400 && (strings.Count(body, "\n") != 1 || len(body) < 20) {
				t.Errorf("%s %s: not a sentence: %q", c.method, c.path, body)
			}
		}
	}
}

func TestToken(t *testing.T) {
	s := serve(t, New("", nil), "TOKEN")
	root := "http://" + s.at
	for path, want := range map[string]int{"/": 404, "/TOKEN": 308, "/TOKEN/": 200, "/token/": 404, "/TOKEN2/": 404, "/snapshot": 404, "//TOKEN/": 404, "/TOKEN/snapshot": 200, "/x/TOKEN/": 404} {
		s.base = root + path
		response, body := s.do(s.request("GET", ""))
		if response.StatusCode != want {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
		if want == 308 && response.Header.Get("Location") != "/TOKEN/" {
			t.Errorf("%s leads to %q", path, response.Header.Get("Location"))
		}
		if want == 404 && strings.Contains(body, "TOKEN") {
			t.Errorf("%s: the answer has the token: %s", path, body)
		}
	}
}

// Names that lead here and are not of this machine belong to other sites.
func TestHost(t *testing.T) {
	s := serve(t, New("", nil), "")
	for host, want := range map[string]int{
		s.at: 200, "localhost:5": 200, "LOCALHOST": 200, "page.localhost:80": 200, "[::1]:80": 200, "[::1]": 200, "192.168.1.5": 200, "lab3.example:99": 200, "Lab3.Example.": 200,
		"evil.example": 403, "evil.example:80": 403, "lab3.example.evil": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403, "notlocalhost": 403,
	} {
		r := s.request("GET", "snapshot")
		r.Host = host
		if response, body := s.do(r); response.StatusCode != want {
			t.Errorf("%s: %d, %s", host, response.StatusCode, body)
		}
	}
	for mode, want := range map[string]int{"no-cors": 403, "cors": 403, "navigate": 200} {
		r := s.request("GET", "snapshot")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Sec-Fetch-Mode", mode)
		if response, body := s.do(r); response.StatusCode != want {
			t.Errorf("from another site with %s: %d, %s", mode, response.StatusCode, body)
		}
	}
}

func TestParameters(t *testing.T) {
	m := New("", nil)
	s := serve(t, m, "")
	k := newTalk(t, m)
	k.newRun()
	k.measure("1", "2", "3")
	for query, want := range map[string]string{
		"": "", "run=0": "", "run=1&from=1&to=1&points=100": "", "from=&to=": "", "future=1": "",
		"run=2": "there is no run 2: the last one has the number 1", "run=-1": `run is a whole number from 0 to 2147483647, not "-1"`,
		"run=x": `not "x"`, "run=1.0": `not "1.0"`, "run=0x1": `not "0x1"`, "from=2&to=1": "from is 2, and must not be more than to, which is 1",
		"run=%zz": "the parameters of the address cannot be read", "run=1;points=200": "the parameters of the address cannot be read",
		"points=99": "points is a whole number from 100 to 20000", "points=20001": "points is", "points=99999999999999999999": "points is",
		"from=" + strings.Repeat("9", 5000): "from is a whole number",
	} {
		for _, path := range []string{"snapshot?", "events?"} {
			if path == "events?" && want == "" {
				continue
			}
			status, body := s.get(path + query)
			if (status == 200) != (want == "") || !strings.Contains(body, want) || status != 200 && len(body) > 300 {
				t.Errorf("%s%s: %d, %.400s", path, query, status, body)
			}
		}
	}
}

// A request with a body is refused, and so is what is not HTTP. Nothing reaches the standard error.
func TestOddRequests(t *testing.T) {
	s := serve(t, New("", nil), "")
	for request, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello":     "400",
		"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n": "400",
		"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 1<<20):   "431",
		"0000000022{\"command\": \"getmean\"}\r\n\r\n":                            "400",
		"GET / HTTP/1.1\r\n\r\n":                                                         "400",
		"GET / HTTP/1.0\r\n\r\n":                                                         "403",
		"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n":                                  "405",
		"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n":                        "405",
		"GET http://evil.example/snapshot HTTP/1.1\r\nHost: localhost\r\n\r\n":           "403",
		"GET /events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\nHOW IS IT?": "200",
	} {
		conn, err := net.Dial("tcp", s.at)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(limit))
		_, _ = io.WriteString(conn, request) // it may be refused before all is sent
		line, err := bufio.NewReader(conn).ReadString('\n')
		if !strings.Contains(line, " "+want+" ") {
			t.Errorf("%.60q: %q, %v", request, line, err)
		}
		conn.Close()
	}
}

// A browser gets a frame at once, and others when something has changed, at most four a second.
func TestEvents(t *testing.T) {
	m := New("", nil)
	s := serve(t, m, "")
	events, _ := s.follow("")
	if f := events.next(); f.State != "waiting" || f.Run != nil {
		t.Errorf("%+v", f)
	}
	k := newTalk(t, m)
	began := time.Now()
	frames := 0
	for n := 1; n <= 3; n++ {
		k.newRun()
		k.measure("1", "1", "1")
		for f := events.next(); f.Run == nil || f.Run.Number != n || f.Run.Measurements != 1; f = events.next() {
			frames++
		}
		frames++
	}
	// The interval between two frames is longer on a busy machine, and never shorter.
	if least := time.Duration(frames-1) * frameInterval; time.Since(began) < least*9/10 {
		t.Errorf("%d frames in %v", frames, time.Since(began))
	}
	// The rate falls without a message, and then nothing is sent.
	for f := events.next(); f.Run.Rate > 0; f = events.next() {
	}
	m.End(nil)
	if f := events.next(); f.State != "ended" {
		t.Errorf("%+v", f)
	}
}

// A program that reads the snapshot after a message sees it.
func TestSnapshotIsCurrent(t *testing.T) {
	m := New("", nil)
	s := serve(t, m, "")
	k := newTalk(t, m)
	k.newRun()
	for n := 1; n <= 20; n++ {
		k.measure("1", "1", "1")
		if _, body := s.get("snapshot"); decode(t, body).Run.Measurements != n {
			t.Fatalf("after %d measurements: %s", n, body)
		}
	}
}

// All browsers that look at the same thing share its frames.
func TestFramesAreShared(t *testing.T) {
	h := newHub(New("", nil))
	one, release1, err1 := h.subscribe(Query{Points: MinPoints})
	two, release2, err2 := h.subscribe(Query{Points: MinPoints})
	other, release3, err3 := h.subscribe(Query{Points: MaxPoints})
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if one != two || one == other || len(h.topics) != 2 {
		t.Errorf("%d topics", len(h.topics))
	}
	release1()
	if h.topics[Query{Points: MinPoints}] != one {
		t.Error("a topic has ended before its last browser")
	}
	release2()
	release3()
	if len(h.topics) != 0 || h.subscribers != 0 {
		t.Errorf("%d topics and %d browsers are left", len(h.topics), h.subscribers)
	}
	<-one.stopped
}

// Browsers that all look at something else are refused before their frames take too much memory.
func TestFramesTakeBoundedMemory(t *testing.T) {
	h := newHub(New("", nil))
	first, err := h.frame(Query{Points: MinPoints})
	if err != nil {
		t.Fatal(err)
	}
	h.room = 10*len(first.event) + len(first.event)/2
	var releases []func()
	for i := range 10 {
		_, release, err := h.subscribe(Query{Points: MinPoints + i})
		if err != nil {
			t.Fatal(i, err)
		}
		releases = append(releases, release)
	}
	if _, _, err := h.subscribe(Query{Points: MaxPoints}); !errors.Is(err, errTooMany) {
		t.Error(err)
	}
	_, release, err := h.subscribe(Query{Points: MinPoints}) // the same view as another browser
	if err != nil {
		t.Fatal(err)
	}
	for _, release := range append(releases, release) {
		release()
	}
	if h.subscribers != 0 || len(h.topics) != 0 {
		t.Errorf("%d browsers and %d topics are left", h.subscribers, len(h.topics))
	}
}

// A browser that reads nothing holds up neither the run nor other browsers, and loses only frames.
func TestSlowReader(t *testing.T) {
	s := serve(t, New("", nil), "")
	slow, _ := s.follow("")
	fast, _ := s.follow("")
	fast.next()
	s.server.hub.mu.Lock()
	topic := s.server.hub.topics[Query{Points: defaultPoints}]
	s.server.hub.mu.Unlock()
	// More than the system holds for the slow reader.
	const frames = 32
	padding := strings.Repeat(" ", 1<<20)
	for n := 1; n <= frames; n++ {
		topic.publish(&encoded{event: fmt.Appendf(nil, "%s{\"run\": {\"measurements\": %d}}%s%s", eventPrefix, n, padding, eventEnd)})
		if f := fast.next(); f.Run == nil || f.Run.Measurements != n {
			t.Fatalf("frame %d is %+v", n, f)
		}
	}
	seen, got := 0, 0
	for ; seen < frames; got++ {
		if f := slow.next(); f.Run != nil {
			seen = f.Run.Measurements
		}
	}
	if got >= frames {
		t.Errorf("the slow reader got %d frames: none was lost, and the test shows nothing", got)
	}
}

// Of a thousand browsers some are served, and the others are refused with a sentence. The run
// goes on, and Close ends all at once.
func TestAThousandBrowsers(t *testing.T) {
	m := New("", nil)
	s := serve(t, m, "")
	k := newTalk(t, m)
	k.newRun()
	var served, refused atomic.Int32
	var opened, ended sync.WaitGroup
	opened.Add(1000)
	for range 1000 {
		ended.Go(func() {
			answered := sync.OnceFunc(opened.Done)
			defer answered()
			conn, err := net.Dial("tcp", s.at)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(2 * limit))
			fmt.Fprintf(conn, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
			in := bufio.NewReader(conn)
			line, err := in.ReadString('\n')
			switch {
			case strings.HasPrefix(line, "HTTP/1.1 200 "):
				served.Add(1)
				answered()
				_, _ = io.Copy(io.Discard, in) // until Close
			case strings.HasPrefix(line, "HTTP/1.1 503 "):
				for err == nil && !strings.Contains(line, "too many") {
					line, err = in.ReadString('\n')
				}
				if err != nil {
					t.Errorf("no sentence: %v", err)
				}
				refused.Add(1)
			default: // more than can be told at a time
				refused.Add(1)
			}
		})
	}
	opened.Wait()
	if served.Load() > maxSubscribers || served.Load() < maxSubscribers/2 || served.Load()+refused.Load() != 1000 {
		t.Errorf("%d are served, and %d refused", served.Load(), refused.Load())
	}
	began := time.Now()
	for range 1000 {
		k.measure("1", "1", "1")
	}
	if took := time.Since(began); took > systemtest.Soon {
		t.Errorf("1000 measurements took %v", took)
	}
	s.server.Close()
	ended.Wait()
}

// Connections beyond the limit get an answer, and room is made when others end.
func TestConnectionsAreLimited(t *testing.T) {
	s := serve(t, New("", nil), "")
	var open []net.Conn
	for range httpserver.Room(maxConnections) {
		conn, err := net.Dial("tcp", s.at)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		open = append(open, conn)
	}
	if status, body := s.get("snapshot"); status != 503 || !strings.Contains(body, "too many connections") {
		t.Errorf("%d, %s", status, body)
	}
	for _, conn := range open {
		conn.Close()
	}
	for end := time.Now().Add(limit); ; {
		status, _ := s.get("snapshot")
		if status == 200 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("no room was made")
		}
	}
}

func TestCSV(t *testing.T) {
	m := New("", nil)
	s := serve(t, m, "")
	if status, body := s.get("run.csv"); status != 404 || body != "no run has begun so far\n" {
		t.Errorf("%d, %s", status, body)
	}
	k := newTalk(t, m)
	k.newRun()
	k.ask(`{"command": "describe"}`, `{"settings": [{"name": "=cmd|' /C calc'!A0", "unit": "GHz"}], "channels": [{"name": "signal, \"raw\"", "unit": "V"}, {"name": "@x\ny"}]}`)
	k.measure("2.5", "[9.5, NaN]", "[0.25, 1]")
	k.measure("[3]", "[-1e999, -5]", "null")
	response, body := s.do(s.request("GET", "run.csv?run=1"))
	const want = `number,'=cmd|' /C calc'!A0 (GHz),"signal, ""raw"" (V)","'@x
y","sigma of signal, ""raw"" (V)","sigma of @x
y"
1,2.5,9.5,nan,0.25,1
2,3,-inf,-5,nan,nan
`
	if body != want || response.Header.Get("Content-Disposition") != `attachment; filename="run-1.csv"` {
		t.Errorf("%v\n%s", response.Header, body)
	}
	// More than are copied at a time, all of them.
	k.newRun()
	const total = 100_000
	for i := range total {
		m.change(m.runs[1], func(r *run) { r.measure([]float64{float64(i)}, []float64{float64(-i)}, nil) })
	}
	_, body = s.do(s.request("GET", "run.csv"))
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || len(rows) != total+1 || !slices.Equal(rows[0], []string{"number", "=cmd|' /C calc'!A0 (GHz)", `signal, "raw" (V)`}) && rows[0][0] != "number" {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, row := range rows[1:] {
		if row[0] != strconv.Itoa(i+1) || row[1] != strconv.Itoa(i) {
			t.Fatalf("row %d is %q", i, row)
		}
	}
}

// No title of a column is a formula, also where a semicolon or a tab ends a cell.
func TestTitles(t *testing.T) {
	for name, want := range map[string]string{
		"x": "x", "a - b": "a - b", "x; y": "x; y", "=1": "'=1", "+1": "'+1", "-1": "'-1", "@x": "'@x", " =1": " '=1", "\t=1": "\t'=1",
		"a;=1": "a;'=1", "a\t@x": "a\t'@x", "a\r\n+1": "a\r\n'+1", "a;b; -1": "a;b; '-1",
	} {
		if got := title(name, ""); got != want {
			t.Errorf("%q: %q, not %q", name, got, want)
		}
	}
	if got := title("x", "V;=1"); got != "x (V;'=1)" {
		t.Errorf("%q", got)
	}
}

// A part of a table is small, however many values a measurement has.
func TestWideCSV(t *testing.T) {
	m := New("", nil)
	k := newTalk(t, m)
	k.newRun()
	const total = 1000
	wide := "[" + strings.Repeat("1.25,", maxChannels-1) + "1.25]"
	for range total {
		k.measure(wide, wide, wide)
	}
	e, err := m.export(1)
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for part := range e.all(t.Context(), &sync.Mutex{}) {
		if lines += bytes.Count(part, []byte("\n")); len(part) > 20*exportNumbers {
			t.Errorf("a part has %d bytes", len(part))
		}
	}
	if lines != total+1 {
		t.Errorf("%d lines", lines)
	}
}
