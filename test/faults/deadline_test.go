//go:build linux

package faults_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"libobe/internal/socket"
)

const (
	// flooders is the number of connections that send all the time.
	flooders = 256
	// meanLate and mostLate are the accepted delays of calls after their deadlines, in
	// addition to the delay with which this machine wakes up a thread that only sleeps.
	meanLate = 5 * time.Millisecond
	mostLate = 50 * time.Millisecond
	// calls is the number of calls that are measured for each timeout and kind of flood.
	calls = 60
)

// deluges are the kinds of flood. Each function is what one connection does until it is
// closed. "unfinished" sends a part of a message, of a size that limits the memory of this
// test.
var deluges = map[string]func(net.Conn){
	"unfinished": func(c net.Conn) {
		_, _ = fmt.Fprintf(c, `%010d"`, largest)
		piece := []byte(strings.Repeat("x", 32<<10))
		for range 28 {
			if _, err := c.Write(piece); err != nil {
				return
			}
		}
	},
	"spaces": func(c net.Conn) {
		_, _ = fmt.Fprintf(c, "%010d", largest)
		for range 100_000 {
			if _, err := c.Write([]byte(" ")); err != nil {
				return
			}
		}
	},
	"garbage":     func(c net.Conn) { _, _ = c.Write([]byte("0000000003{x}")) },
	"connections": func(net.Conn) {},
	"handshakes": func(c net.Conn) {
		_ = tls.Client(c, &tls.Config{InsecureSkipVerify: true}).Handshake()
	},
}

func deluge() {
	port, kind := os.Getenv("PORT"), deluges[os.Getenv("KIND")]
	for range flooders {
		go func() {
			for {
				c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", port), testTimeout)
				if err != nil {
					continue
				}
				kind(c)
				// A reset leaves no port in TIME_WAIT.
				_ = c.(*net.TCPConn).SetLinger(0)
				c.Close()
			}
		}()
	}
	fmt.Println("begun")
	select {}
}

// pair writes a certificate and its key, and returns the paths of the files.
func pair(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	public, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	return write("certificate.pem", "CERTIFICATE", public), write("key.pem", "PRIVATE KEY", secret)
}

// work returns a number that grows when a server reads or accepts.
func work(t *testing.T, s *socket.Server) int64 {
	t.Helper()
	received, err := s.Stat("bytes_received")
	must(t, err)
	opened, err := s.Stat("connections_opened")
	must(t, err)
	return received + opened
}

// Calls end at their deadlines, however much clients send.
func TestDeadlinesUnderFlood(t *testing.T) {
	needDescriptors(t, 4*flooders)
	for kind := range deluges {
		t.Run(kind, func(t *testing.T) {
			s, err := socket.NewServer("", 0)
			must(t, err)
			t.Cleanup(s.Free)
			if kind == "handshakes" {
				certificate, key := pair(t)
				must(t, s.SetOption("tls_cert", certificate))
				must(t, s.SetOption("tls_key", key))
			}
			c := process("deluge", fmt.Sprint("PORT=", s.Addr().Port()), "KIND="+kind)
			nice(t, c)
			out, err := c.StdoutPipe()
			must(t, err)
			must(t, c.Start())
			t.Cleanup(func() {
				_ = c.Process.Kill()
				_ = c.Wait()
			})
			if line, err := bufio.NewReader(out).ReadString('\n'); line != "begun\n" {
				t.Fatalf("the flood did not begin: %q, %v", line, err)
			}
			for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); {
				_, _ = s.Receive(nil, 10*time.Millisecond)
			}
			witness := newWitness(t)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for _, timeout := range []time.Duration{0, time.Millisecond, 10 * time.Millisecond} {
				var all []time.Duration
				var sum time.Duration
				for range calls {
					before, began := queued(t), time.Now()
					_, err := s.Receive(nil, timeout)
					late := time.Since(began) - timeout
					if !errors.Is(err, socket.ErrTimeout) {
						t.Fatal(err)
					}
					late = max(late-max(witness.late(began), queued(t)-before), 0)
					all = append(all, late)
					sum += late
				}
				mean, most := sum/calls, slices.Max(all)
				t.Logf("timeout %v: late by %v on average, %v at worst", timeout, mean, most)
				if mean > meanLate || most > mostLate {
					t.Errorf("timeout %v: late by %v on average, %v at worst", timeout, mean, most)
				}
			}
			// Another thread can end a call without a deadline.
			for _, end := range []struct {
				name string
				call func()
				want error
			}{{"Cancel", s.Cancel, socket.ErrCancelled}, {"Free", s.Free, socket.ErrClosed}} {
				done := make(chan error, 1)
				go func() {
					_, err := s.Receive(nil, socket.Forever)
					done <- err
				}()
				before := work(t, s)
				eventually(t, "the call reads or accepts", func() bool { return work(t, s) > before })
				began := time.Now()
				end.call()
				if err := <-done; !errors.Is(err, end.want) {
					t.Fatalf("%s: %v", end.name, err)
				}
				if took := time.Since(began); took > mostLate+witness.late(began) {
					t.Errorf("%s took %v", end.name, took)
				}
			}
			opened, err := s.Stat("connections_opened")
			must(t, err)
			if received, err := s.Stat("bytes_received"); err != nil || opened < flooders/2 || kind == "unfinished" && received < 10*calls {
				t.Errorf("the flood did not arrive: %d connections, %d bytes, %v", opened, received, err)
			}
			t.Log(opened, "connections")
		})
	}
}

// fillBuffers fills the buffers between a server and a client that sends a part of a
// message. It returns the number of bytes in them.
func fillBuffers(t *testing.T, port int) (sent int) {
	t.Helper()
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(port)))
	must(t, err)
	t.Cleanup(func() { c.Close() })
	raw, err := c.(*net.TCPConn).SyscallConn()
	must(t, err)
	piece := fmt.Appendf(nil, `%010d"%s`, largest, strings.Repeat("x", 1<<20))
	must(t, raw.Control(func(fd uintptr) {
		for err == nil {
			var n int
			n, err = syscall.SendmsgN(int(fd), piece, nil, nil, syscall.MSG_DONTWAIT)
			sent += max(n, 0)
			piece = piece[len(piece)-1<<20:]
		}
	}))
	if !errors.Is(err, syscall.EAGAIN) {
		t.Fatal(err)
	}
	return sent
}

// A call is not late because it reads from many connections with full buffers.
func TestDeadlineWithFullBuffers(t *testing.T) {
	const connections = 64
	s, err := socket.NewServer("", 0)
	must(t, err)
	t.Cleanup(s.Free)
	waiting := 0
	for range connections {
		waiting += fillBuffers(t, int(s.Addr().Port()))
	}
	witness := newWitness(t)
	for _, timeout := range []time.Duration{10 * time.Millisecond, 0, time.Millisecond, 0} {
		began := time.Now()
		_, err = s.Receive(nil, timeout)
		late := time.Since(began) - timeout
		if !errors.Is(err, socket.ErrTimeout) {
			t.Fatal(err)
		}
		t.Logf("%d KiB were waiting; with timeout %v late by %v", waiting>>10, timeout, late)
		if late > mostLate/2+witness.late(began) {
			t.Errorf("with timeout %v late by %v", timeout, late)
		}
	}
}

// A client's deadlines and cancellation work while a server sends without end.
func TestClientDeadlineUnderFlood(t *testing.T) {
	const endless = 1 << 30
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		piece := []byte(strings.Repeat(" ", 1<<20))
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, err = fmt.Fprintf(c, "%010d", endless)
			for err == nil {
				_, err = c.Write(piece)
			}
			c.Close()
		}
	}()
	c := newClient(t, l.Addr().(*net.TCPAddr).Port, fmt.Sprint("max_message=", endless))
	witness := newWitness(t)
	const timeout = 20 * time.Millisecond
	expect := func(began time.Time, err, want error) {
		t.Helper()
		late := time.Since(began) - timeout
		t.Logf("%v: late by %v", want, late)
		if !errors.Is(err, want) || late > mostLate+witness.late(began) {
			t.Errorf("%v, late by %v; want %v", err, late, want)
		}
	}
	began := time.Now()
	_, err = c.TcmdBody([]byte("1"), timeout)
	expect(began, err, socket.ErrTimeout)
	began = time.Now()
	cancel := time.AfterFunc(timeout, c.Cancel)
	defer cancel.Stop()
	_, err = c.TcmdBody([]byte("1"), testTimeout)
	expect(began, err, socket.ErrCancelled)
}
