package metrics

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"libobe/internal/httpserver"
	"libobe/internal/socket"
)

// limit is how long anything may take on a busy machine.
const limit = 60 * time.Second

// serve serves a set, and returns the address of the server.
func serve(t *testing.T, s *Set, host string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(s, listener, host, func(text string) { t.Error("told:", text) })
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := server.Serve(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		server.Close()
		ended.Wait()
	})
	return listener.Addr().String()
}

// do sends a request, and returns its answer.
func do(t *testing.T, method, url, host string, body io.Reader) (status int, text string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	client := http.Client{Timeout: limit, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(read)
}

// scrape reads metrics as Prometheus does.
func scrape(t *testing.T, at string) map[string]*dto.MetricFamily {
	t.Helper()
	status, text := do(t, "GET", "http://"+at+Path, "", nil)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if status != 200 || err != nil {
		t.Fatal(status, err, text)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if err != nil {
		t.Error(err)
	}
	return families
}

// Each counter of libobe is a metric of a name that Prometheus's linter accepts, and of the right kind.
func TestSocket(t *testing.T) {
	server, err := socket.NewServer("", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Free()
	client, err := socket.NewClient("", int(server.Addr().Port()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Free()
	if err := client.Send([]byte(`"x"`), limit); err != nil {
		t.Fatal(err)
	}
	if _, err := server.ReceiveMessage(limit); err != nil {
		t.Fatal(err)
	}
	ofServer, ofClient := New("1", "listen"), New("1", "call")
	ofServer.Socket(server, socket.RoleServer)
	ofClient.Socket(client, socket.RoleClient)
	families := scrape(t, serve(t, ofServer, ""))
	reasons := map[string]bool{}
	for _, m := range families[dropped].Metric {
		reasons[m.Label[0].GetValue()] = true
	}
	for _, stat := range socket.Stats {
		name, labels := nameOf(stat)
		family := families[name]
		switch {
		case stat.OfProcess():
			if family != nil {
				t.Errorf("%s: a counter of the process is of no socket", name)
			}
		case family == nil:
			t.Errorf("%s is missing", name)
		case labels != nil && !reasons[labels["reason"]]:
			t.Errorf("%s: the reason %s is missing", name, labels["reason"])
		case stat.Falls != (family.GetType() == dto.MetricType_GAUGE):
			t.Errorf("%s is a %s", name, family.GetType())
		}
	}
	for name, want := range map[string]float64{"obe_messages_received_total": 1, "obe_received_bytes_total": 13, "obe_connections_opened_total": 1} {
		if got := families[name].Metric[0].GetCounter().GetValue(); got != want {
			t.Errorf("%s is %v", name, got)
		}
	}
	if got := families["obe_connections_open"].Metric[0].GetGauge().GetValue(); got != 1 {
		t.Errorf("%v connections are open", got)
	}
	families = scrape(t, serve(t, ofClient, ""))
	if got := families["obe_messages_sent_total"].Metric[0].GetCounter().GetValue(); got != 1 || families[dropped] != nil || families["obe_outgoing_bytes"] != nil {
		t.Errorf("a client has sent %v, and has %v", got, families)
	}
}

// A value of a label that is not known, as a peer may send it, begins no series.
func TestHistogramsAreBounded(t *testing.T) {
	s := New("1", "design")
	h := s.Histograms("obe_answer_duration_seconds", "Help.", "command", []string{"goodset", "newdat"})
	for i := range 1000 {
		h.Observe(fmt.Sprint("command", i), time.Millisecond)
	}
	h.Observe("goodset", 2*time.Second)
	got := map[string]uint64{}
	for _, m := range scrape(t, serve(t, s, ""))["obe_answer_duration_seconds"].Metric {
		got[m.Label[0].GetValue()] = m.GetHistogram().GetSampleCount()
	}
	if len(got) != 2 || got["goodset"] != 1 || got[otherValue] != 1000 {
		t.Error(got)
	}
}

// Without --metrics nothing is kept.
func TestNoSet(t *testing.T) {
	var s *Set
	never := func() int64 { t.Error("read"); return 0 }
	s.Counter("a", "b", nil, never)
	s.Stat("evicted", never)
	s.Flag("a", "b", func() bool { return never() == 0 })
	s.Histogram("a", "b").Observe(1)
	s.Histograms("a", "b", "c", nil).Observe("d", 1)
}

func TestRequests(t *testing.T) {
	at := serve(t, New("1", "listen"), "lab3")
	url := "http://" + at + Path
	for _, c := range []struct {
		method, url, host, body string
		status                  int
		text                    string
	}{
		{"GET", url, "", "", 200, "obe_build_info{command=\"listen\",version=\"1\"} 1\n"},
		{"GET", url, "lab3:9464", "", 200, "go_goroutines "},
		{"GET", url, "localhost", "", 200, "process_"},
		{"HEAD", url, "", "", 200, ""},
		{"GET", url, "lab3.evil.example", "", 403, `these metrics have another address than "lab3.evil.example"`},
		{"GET", "http://" + at + "/", "", "", 404, "the metrics are at /metrics\n"},
		{"GET", url + "/", "", "", 404, "the metrics are at /metrics\n"},
		{"POST", url, "", "", 405, "only GET and HEAD"},
		{"DELETE", url, "", "", 405, "only GET and HEAD"},
		{"GET", url, "", "x", 400, "no body"},
	} {
		var body io.Reader
		if c.body != "" {
			body = strings.NewReader(c.body)
		}
		if status, text := do(t, c.method, c.url, c.host, body); status != c.status || !strings.Contains(text, c.text) {
			t.Errorf("%s %s %s: %d %s", c.method, c.url, c.host, status, text)
		}
	}
}

// What is not a request of HTTP ends its connection, and reaches no metric.
func TestNoRequest(t *testing.T) {
	at := serve(t, New("1", "listen"), "")
	for _, text := range []string{"0000000020{\"command\": \"ready\"}\r\n\r\n", "GET /metrics HTTP/9.9\r\n\r\n", "\x16\x03\x01\x02\x00\x01\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 2*httpserver.MaxHeader) + "\r\n\r\n"} {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(limit))
		_, _ = io.WriteString(conn, text) // it may be refused before its end
		answer, _ := io.ReadAll(conn)
		if len(answer) > 0 && !bytes.HasPrefix(answer, []byte("HTTP/1.1 4")) && !bytes.HasPrefix(answer, []byte("HTTP/1.1 5")) || bytes.Contains(answer, []byte("obe_")) {
			t.Errorf("%.40q: %s", text, answer)
		}
	}
}

// Clients that read nothing have their connections, and no more: others are answered until these are
// all that there may be, then refused, and answered again when some have ended.
func TestStalledReaders(t *testing.T) {
	at := serve(t, New("1", "listen"), "")
	var stalled []net.Conn
	stall := func() {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(limit))
		// The answers to so many requests are more than the system holds for a connection.
		go func() {
			for range 10_000 {
				if _, err := io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
					return
				}
			}
		}()
		stalled = append(stalled, conn)
	}
	for range httpserver.Room(maxConnections) / 2 {
		stall()
	}
	if families := scrape(t, at); families["obe_build_info"] == nil {
		t.Error("no metrics beside clients that read nothing")
	}
	for len(stalled) < httpserver.Room(maxConnections) {
		stall()
	}
	// A busy machine may let a refusal's time pass before it reads the request.
	get := func() (status int, text string) {
		for end := time.Now().Add(limit); ; {
			response, err := http.Get("http://" + at + Path)
			if err == nil {
				var body []byte
				body, err = io.ReadAll(response.Body)
				response.Body.Close()
				if err == nil {
					return response.StatusCode, string(body)
				}
			}
			if time.Now().After(end) {
				t.Fatal(err)
			}
		}
	}
	if status, text := get(); status != 503 || text != "too many connections to these metrics\n" {
		t.Errorf("%d %s", status, text)
	}
	for _, conn := range stalled[:4] {
		conn.Close()
	}
	for end := time.Now().Add(limit); ; {
		if status, _ := get(); status == 200 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("no room was made")
		}
	}
}

// Metrics that cannot be read in time, such as because the program hangs, are an answer.
func TestCannotBeRead(t *testing.T) {
	t.Parallel()
	s := New("1", "listen")
	release := make(chan bool)
	s.Counter("obe_slow_total", "Help.", nil, func() int64 { <-release; return 0 })
	at := serve(t, s, "")
	t.Cleanup(func() { close(release) })
	if status, text := do(t, "GET", "http://"+at+Path, "", nil); status != 503 || !strings.Contains(text, "timeout") {
		t.Errorf("%d %s", status, text)
	}
}

// A server that was never asked to serve closes its listener, too.
func TestCloseBeforeServe(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(New("1", "listen"), listener, "", func(string) {})
	server.Close()
	if err := server.Serve(); err != nil {
		t.Error(err)
	}
	again, err := net.Listen("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
