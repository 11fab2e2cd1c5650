package main

import (
	"bufio"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"
)

// BenchmarkRecord measures what obe record adds to an exchange: client, proxy and server are
// three processes, and each exchange through the proxy follows one without it. It reports
// the medians, and the median and the quartiles of the differences.
func BenchmarkRecord(b *testing.B) {
	server := background(b, "listen", ":0", "--quiet", "--stay")
	proxy := background(b, "record", "--listen", ":0", "--to", server, "--out", filepath.Join(b.TempDir(), "run.jsonl"))
	request, reply := []byte(framed(`{"command": "goodset", "pickiness": 4}`)), make([]byte, len(framed(`"OK"`)))
	talk := func(conn net.Conn) {
		if _, err := conn.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(conn, reply); err != nil {
			b.Fatal(err)
		}
	}
	dial := func(address string) net.Conn {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			b.Fatal(err)
		}
		return conn
	}
	b.Run("connection=each", func(b *testing.B) {
		one := func(address string) {
			conn := dial(address)
			talk(conn)
			conn.Close()
		}
		pairs(b, func() { one(server) }, func() { one(proxy) })
	})
	b.Run("connection=one", func(b *testing.B) {
		direct, proxied := dial(server), dial(proxy)
		defer direct.Close()
		defer proxied.Close()
		pairs(b, func() { talk(direct) }, func() { talk(proxied) })
	})
}

// background runs the program until the end of the benchmark, and returns its address.
func background(b *testing.B, args ...string) string {
	return backgroundUntil(b, regexp.MustCompile(`listening on ([^, \n]+)`), args...)
}

// backgroundUntil runs the program until the end of the benchmark, and returns what a group of a
// pattern is in the first line that it matches.
func backgroundUntil(b *testing.B, pattern *regexp.Regexp, args ...string) string {
	cmd := exec.Command(binary, args...)
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	said := ""
	for lines := bufio.NewReader(stderr); ; {
		line, err := lines.ReadString('\n')
		said += line
		if found := pattern.FindStringSubmatch(line); found != nil {
			go func() { _, _ = io.Copy(io.Discard, lines) }()
			return found[1]
		}
		if err != nil {
			b.Fatalf("it says %q", said)
		}
	}
}

// pairs reports the medians of two functions that are called in turn, and the 99th percentiles.
func pairs(b *testing.B, direct, proxied func()) {
	var times [3][]float64
	timed := func(f func()) float64 {
		began := time.Now()
		f()
		return float64(time.Since(began)) / float64(time.Microsecond)
	}
	for b.Loop() {
		d, p := timed(direct), timed(proxied)
		times[0], times[1], times[2] = append(times[0], d), append(times[1], p), append(times[2], p-d)
	}
	for i, unit := range []string{"µs/direct", "µs/proxied", "µs/added"} {
		slices.Sort(times[i])
		b.ReportMetric(times[i][len(times[i])/2], unit)
		b.ReportMetric(times[i][len(times[i])*99/100], unit+"-p99")
	}
	added := times[2]
	b.ReportMetric(added[len(added)/4], "µs/added-p25")
	b.ReportMetric(added[len(added)*3/4], "µs/added-p75")
	b.ReportMetric(0, "ns/op") // of both together, which says nothing
}
