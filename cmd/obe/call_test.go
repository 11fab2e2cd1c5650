package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"libobe/internal/jsondoc"
	"libobe/internal/socket"
	"libobe/internal/systemtest"
)

// echo answers each message with itself.
func echo(body string) []byte { return []byte(body) }

// A message is as the arguments say, and its reply is printed as it is.
func TestCall(t *testing.T) {
	at := answer(t, echo)
	for _, test := range []struct {
		args  []string
		stdin string
		want  string
	}{
		{[]string{"goodset"}, "", `{"command": "goodset"}`},
		{[]string{"goodset", "pickiness=4"}, "", `{"command": "goodset", "pickiness": 4}`},
		{[]string{"newdat", "x=[2.5]", "s=0.1", "note=dip"}, "", `{"command": "newdat", "x": [2.5], "s": 0.1, "note": "dip"}`},
		{[]string{"c", "a=25", "b=25.0", "c=1e400", "d=NaN", "e=-Infinity", "f=01", "g=nan"}, "", `{"command": "c", "a": 25, "b": 25.0, "c": 1e400, "d": NaN, "e": -Infinity, "f": "01", "g": "nan"}`},
		{[]string{"c", "a=", "b==", `c="4"`, "d=true", "e=null", `f={"q": []}`, "ä=ü"}, "", `{"command": "c", "a": "", "b": "=", "c": "4", "d": true, "e": null, "f": {"q": []}, "ä": "ü"}`},
		{[]string{"c", "url=http://x:80"}, "", `{"command": "c", "url": "http://x:80"}`},
		{[]string{`{"command": "x:y=z"}`}, "", `{"command": "x:y=z"}`},
		{[]string{`"OK"`}, "", `"OK"`},
		{[]string{`[1, {"a": 2}]`}, "", `[1, {"a": 2}]`},
		{[]string{"-"}, "{\"command\":\r\n \"a\\nb\"}\n", `{"command":   "a\nb"}`},
		{[]string{"-"}, "7", `7`},
	} {
		args := append([]string{"call", at}, test.args...)
		if got := obe(t, test.stdin, args...); got != (result{stdout: test.want + "\n"}) {
			t.Errorf("obe %q: %+v, want %s", args, got, test.want)
		}
	}
}

// A long reply is not shortened unless a person reads it.
func TestCallPrintsEverything(t *testing.T) {
	long := "[" + strings.Repeat("0.1, ", 200_000) + "0.1]"
	at := answer(t, func(string) []byte { return []byte(long) })
	if got := obe(t, "", "call", at, "getpar"); got.stdout != long+"\n" || got.stderr != "" {
		t.Errorf("%d bytes, want %d; %s", len(got.stdout), len(long)+1, got.stderr)
	}
}

// A command line that is not valid is exit status 2, with the place below the problem, and
// nothing is sent.
func TestCallMistakes(t *testing.T) {
	at := answer(t, func(body string) []byte {
		t.Errorf("the server received %s", body)
		return nil
	})
	for _, test := range []struct {
		args    []string
		problem string
		marked  string // the part of the marked line that begins at the caret
	}{
		{[]string{"goodset", "pickiness"}, "key=value", ""},
		{[]string{"goodset", "=4"}, "key is missing", "=4"},
		{[]string{"pickiness=4"}, "COMMAND is missing", "pickiness=4"},
		{[]string{"goodset", "x=[2.5, y]"}, "invalid JSON", "y]"},
		{[]string{"goodset", `x={"a": 1`}, "invalid JSON", ""},
		{[]string{"goodset", `x="a`}, "invalid JSON", ""},
		{[]string{"goodset", "a=1", "a=2"}, `member "a" already`, "a=2"},
		{[]string{"goodset", "command=1"}, "COMMAND", "command=1"},
		{[]string{`{"command": goodset}`}, "invalid JSON", "goodset}"},
		{[]string{`{"command": "a"}`, "x=1"}, "JSON", "x=1"},
		{[]string{"a\xffb"}, "UTF-8", `\xffb`},
		{[]string{"goodset", "a=b\xff"}, "UTF-8", `\xff`},
		{[]string{"goodset", "ä=[\u001b]"}, "invalid JSON", `\x1b]`},
		{[]string{"goodset", "日本=[x]"}, "invalid JSON", "x]"},
		{[]string{"goodset", "x=[" + strings.Repeat("1,", 100) + "x" + strings.Repeat(",1", 100) + "]"}, "invalid JSON", "x,1,1"},
		{[]string{"goodset", "x=[" + strings.Repeat("ü", 100) + "]"}, "invalid JSON", "ü"},
	} {
		if runtime.GOOS == "windows" && test.problem == "UTF-8" {
			continue // its command lines are UTF-16
		}
		got := obe(t, "", append([]string{"call", at}, test.args...)...)
		lines := strings.Split(strings.TrimSuffix(got.stderr, "\n"), "\n")
		if got.status != exitUsage || got.stdout != "" || len(lines) != 3 || !strings.Contains(lines[0], test.problem) {
			t.Errorf("obe call %q: %+v", test.args, got)
			continue
		}
		// In these texts a character is as wide as its number of columns, or twice.
		column := len(lines[2]) - 1
		var before int
		marked := ""
		for i, r := range lines[1] {
			if before == column {
				marked = lines[1][i:]
				break
			}
			before++
			if r > 0x3000 {
				before++
			}
		}
		if !strings.HasPrefix(lines[2], "  ") || !strings.HasSuffix(lines[2], "^") || !strings.HasPrefix(marked, test.marked) || test.marked == "" && marked != "" {
			t.Errorf("obe call %q marks %q:\n%s", test.args, marked, got.stderr)
		}
	}
	for _, args := range [][]string{{"call"}, {"call", at}, {"call", at, ""}, {"call", at, "x", "--repeat", "0"}, {"call", at, "x", "--timeout", "-1"}, {"call", at, "x", "--max-message", "0"}, {"call", at, "x", "--tls-ca", "/none"}, {"cal"}, {"call", at, "x", "--nothing"}} {
		if got := obe(t, "", args...); got.status != exitUsage || got.stdout != "" || !strings.HasPrefix(got.stderr, "obe") {
			t.Errorf("obe %q: %+v", args, got)
		}
	}
	obe(t, "{\"command\":\n \"a\", }\n", "call", at, "-").check(t, result{"", "(line 2)\n   \"a\", }\n        ^\n", exitUsage})
}

// A reply with a member error is exit status 1; the reply is printed all the same.
func TestCallErrors(t *testing.T) {
	at := answer(t, func(body string) []byte {
		reply, _ := jsondoc.FromValid([]byte(body)).JSON("/reply")
		return reply
	})
	for reply, want := range map[string]string{
		`{"error": "no such setting", "command": "c"}`: "obe call: the server answered with an error: no such setting\n",
		`{"error": {"code": 5}}`:                       "obe call: the server answered with an error: {\"code\": 5}\n",
		`{"error": "a\nb\u001b[31m"}`:                  "obe call: the server answered with an error: a\\nb\\x1b[31m\n",
		`{"error": null}`:                              "",
		`["error"]`:                                    "",
		`[{"error": "x"}]`:                             "",
	} {
		status := exitAnswer
		if want == "" {
			status = exitOK
		}
		if got := obe(t, "", "call", at, "c", "reply="+reply); got != (result{reply + "\n", want, status}) {
			t.Errorf("%s: %+v", reply, got)
		}
	}
}

// What is not an answer is exit status 3, and what is no message of the protocol 1.
func TestCallWithoutAnswer(t *testing.T) {
	silent := answer(t, func(string) []byte { return nil })
	obe(t, "", "call", silent, "godset", "--timeout", "0.2").check(t, result{"", "no reply within 200 ms", exitNoAnswer})
	obe(t, "", "call", unusedAddress(t), "goodset").check(t, result{"", "connection refused (no server is listening there)\n  start the server", exitNoAnswer})
	for bytes, want := range map[string]result{
		"HTTP/1.1 400 Bad Request\r\n": {"", "malformed frame header", exitAnswer},
		"0000000004oops":               {"", "invalid JSON", exitAnswer},
		"0000000099{}":                 {"", "closed inside a message", exitNoAnswer},
		"":                             {"", "look at its own output", exitNoAnswer},
		"9999999999{":                  {"", "--max-message is 67108864", exitAnswer},
	} {
		obe(t, "", "call", raw(t, bytes), "goodset").check(t, want)
	}
}

// A server of Python's optbayesexpt reads one message of each connection.
func TestPersistentNeedsItsServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			_, _ = conn.Read(make([]byte, 1024))
			_, _ = conn.Write([]byte("0000000001" + "1"))
			_, _ = io.Copy(io.Discard, conn)
		}
	}()
	got := obe(t, "", "call", listener.Addr().String(), "x", "--persistent", "--repeat", "2", "--timeout", "0.2")
	got.check(t, result{`{"count":1,`, "for such a server, leave out --persistent", exitNoAnswer})
}

// certificate returns the paths of a certificate for 127.0.0.1 and lab3, which is its own authority, and of its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"lab3"}, IsCA: true, BasicConstraintsValid: true,
	}
	public, err1 := x509.CreateCertificate(rand.Reader, template, template, &pair.PublicKey, pair)
	private, err2 := x509.MarshalPKCS8PrivateKey(pair)
	directory := systemtest.TempDir(t)
	cert, key = filepath.Join(directory, "cert"), filepath.Join(directory, "key")
	err3 := os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public}), 0o600)
	err4 := os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// With --tls-ca the server is one whose certificate that authority has signed.
func TestCallOverTLS(t *testing.T) {
	ca, key := certificate(t)
	server, err := socket.NewServer("", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Free()
	if err := errors.Join(server.SetOption("tls_cert", ca), server.SetOption("tls_key", key)); err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(func(m *socket.Message) { _ = m.Reply(m.Body, limit) }, nil) }()
	obe(t, "", "call", server.Name(), "[1]", "--tls-ca", ca).check(t, result{stdout: "[1]\n"})
	obe(t, "", "call", server.Name(), "[1]", "--tls-ca", ca, "--tls-server-name", "lab3").check(t, result{stdout: "[1]\n"})
	obe(t, "", "call", server.Name(), "[1]", "--tls-ca", ca, "--tls-server-name", "lab4").check(t, result{"", "--tls-server-name", exitNoAnswer})
	obe(t, "", "call", server.Name(), "[1]", "--tls").check(t, result{"", "--tls-ca", exitNoAnswer})
}

// Columns of numbers have their points below each other.
func TestTable(t *testing.T) {
	for _, test := range []struct{ reply, want string }{
		{`"OK"`, `"OK"`},
		{`[]`, ``},
		{`{}`, ``},
		{`[[]]`, ``},
		{`[1.5, -22.25, 3, 1e-05, NaN]`, "  1.5|-22.25|  3|  1e-05|NaN"},
		{`[[1.0, -0.25], [12.5, 1e-05]]`, " 1.0  -0.25|12.5   1e-05"},
		{`[[1], [2, 3]]`, "1|2  3"},
		{`{"x": [1.5, 22], "y": [1], "s": 3}`, "x     y  s| 1.5  1  3|22"},
		{`{"a": 1.5, "bcd": "x"}`, "a    1.5|bcd  \"x\""},
		{`[{"x": 1, "y": 2}, {"x": 10, "z": [1, {"a": "b"}]}]`, "x   y  z| 1  2|10     [1, {\"a\": \"b\"}]"},
		{`[{"é": "日本", "b": 1}, {"é": "x", "b": 2}]`, "é       b|\"日本\"  1|\"x\"     2"},
		{`[1, {"a": 2}]`, "a|1|2"},
		{"[\"a\\\"]\", \"\",\n 1]", `"a\"]"|""|1`},
		{"[[1,2,3,4,5,6,7,8,9,10,11,12,13], [1,2,3,4,5,6,7,8,9,10,11,12,13.5]]", " 1   1| 2   2| 3   3| 4   4| 5   5| 6   6| 7   7| 8   8| 9   9|10  10|11  11|12  12|13  13.5"},
	} {
		if err := jsondoc.Validate([]byte(test.reply)); err != nil {
			t.Fatal(err)
		}
		out, shortened := formatTable([]byte(test.reply), false)
		if got := strings.ReplaceAll(string(out), "\n", "|"); got != test.want || shortened {
			t.Errorf("%s:\n%s\nwant\n%s", test.reply, got, test.want)
		}
	}
	at := answer(t, func(string) []byte { return []byte("[[1, 2.5], [10, 3]]") })
	obe(t, "", "call", at, "getset", "--table").check(t, result{stdout: " 1  2.5\n10  3\n"})
}

// At a terminal the middle of what is long is left out.
func TestShortened(t *testing.T) {
	long := "[" + strings.Repeat("1, ", 999) + "2]"
	for _, test := range []struct {
		reply, want string
		shortened   bool
	}{
		{`[1, 2, 3]`, `[1, 2, 3]`, false},
		{"{ \"a\":[1,2,{}] ,\n\"b\" : \"[\\\"\"}", `{"a": [1, 2, {}], "b": "[\""}`, false},
		{long, "[1, 1, 1, 1, 1, 1, … 992 more …, 1, 2]", true},
		{`{"a": [` + long + `]}`, `{"a": [[1, 1, 1, 1, 1, 1, … 992 more …, 1, 2]]}`, true},
		{` "x" `, `"x"`, false},
	} {
		if out, shortened := summarize([]byte(test.reply)); string(out) != test.want || shortened != test.shortened {
			t.Errorf("%s, %v; want %s", out, shortened, test.want)
		}
	}
	out, shortened := formatTable([]byte(long), true)
	if lines := strings.Split(string(out), "\n"); len(lines) != firstRows+1+lastRows || lines[firstRows] != "… 960 more lines …" || !shortened {
		t.Errorf("%q", lines)
	}
}

// A terminal does not execute what a reply contains.
func TestControlCharactersAreEscaped(t *testing.T) {
	if got := string(visible([]byte("\"a\u009b31m\u007fä\u202e\""))); got != `"a\u009b31m\u007fä\u202e"` {
		t.Error(got)
	}
}

// --repeat prints how long the exchanges took, and those before a failure.
func TestRepeat(t *testing.T) {
	var n atomic.Int32
	at := answer(t, func(string) []byte {
		if n.Add(1) > 50 {
			return []byte(`{"error": "enough"}`)
		}
		return []byte(`"OK"`)
	})
	for i, test := range []struct {
		n, count int
		flag     string
		want     result
	}{
		{20, 20, "--persistent", result{}},
		{20, 20, "--persistent=false", result{}},
		{20, 10, "--persistent", result{"", "the server answered with an error: enough", exitAnswer}},
	} {
		got := obe(t, "", "call", at, "x", "--repeat", fmt.Sprint(test.n), test.flag)
		var l latency
		if err := json.Unmarshal([]byte(got.stdout), &l); err != nil {
			t.Fatal(err, got)
		}
		got.stdout = ""
		got.check(t, test.want)
		total := 0
		for _, b := range l.Histogram {
			total += b.Count
		}
		if l.Count != test.count || total != test.count || l.Min <= 0 || l.Min > l.P50 || l.P50 > l.P99 || l.P99 > l.Max || l.Max > 1e6*l.Seconds {
			t.Errorf("%d: %+v", i, l)
		}
	}
	n.Store(0)
	obe(t, "", "call", at, "x", "--repeat", "10", "--table").check(t, result{stdout: "10 exchanges with " + at})
}

// After Ctrl-C the exchanges so far are printed.
func TestRepeatInterrupted(t *testing.T) {
	received := make(chan bool, 1000)
	at := answer(t, func(string) []byte {
		select {
		case received <- true:
		default:
		}
		return []byte(`"OK"`)
	})
	p := start(t, "call", at, "x", "--repeat", "100000000")
	for range 10 {
		<-received
	}
	p.interrupt(t)
	var l latency
	if err := json.Unmarshal([]byte(p.stdout.find("p50_us")), &l); err != nil || l.Count < 9 || l.Count > 99999999 {
		t.Error(l, err)
	}
	if status := p.wait(); status != exitInterrupt {
		t.Error(status)
	}
}

// FuzzArguments compares the message of any arguments with what they say: either all is
// valid JSON, or there is a mistake with a place in one of the arguments.
func FuzzArguments(f *testing.F) {
	for _, seed := range [][3]string{{"goodset", "pickiness=4", "x=[2.5"}, {":61981", "a", "b=c"}, {"[::1]:5", "{}", ""}, {"unix:/x", "-", "=1"}, {`{"a":`, "x", "y=\xff"}, {":\n:", "0", "0"}} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, first, second, third string) {
		args := []string{first, second, third}
		at, body, err := parseCall(args, func() ([]byte, error) { return []byte(third), nil })
		var m *mistake
		if errors.As(err, &m) {
			if m.at < 0 || m.at > len(m.text) || strings.Count(m.Error(), "\n") != 2 {
				t.Errorf("%q: %d in %q: %v", args, m.at, m.text, m)
			}
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		if isAddress(first) {
			if again, err := parseAddress(at.String()); err != nil || again.port != at.port && at.port != 0 {
				t.Errorf("%q is %v, which is %v, %v", first, at, again, err)
			}
			args = args[1:]
		}
		doc, err := jsondoc.Parse(body)
		if err != nil {
			t.Fatalf("%q: %s: %v", args, body, err)
		}
		if args[0] == "-" || startsJSON(args[0]) {
			return
		}
		if name, err := doc.String("/command"); err != nil || name != args[0] {
			t.Errorf("%q: %s", args, body)
		}
		if n, err := doc.Count(""); err != nil || n != len(args) {
			t.Errorf("%q: %s has %d members", args, body, n)
		}
	})
}
