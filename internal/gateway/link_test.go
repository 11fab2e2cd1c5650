package gateway

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

// No error and no event has a password, also where the address cannot be read.
func TestSecretsAreNotTold(t *testing.T) {
	server := natsserver.Start(t, `authorization { user: lab1, password: "right" }`)
	at := fmt.Sprint("127.0.0.1:", server.Port)
	closed := fmt.Sprint("127.0.0.1:", natsserver.FreePort(t))
	for _, url := range []string{
		"nats://lab1:hunter2@" + at,
		"nats://hunter2@" + at, // a token
		"nats://lab1:hunter2@" + at + "/obe.nv3",
		"nats://lab1:hunter2@" + at + "?x=y",
		"nats://lab1:hunter2@" + at + "#x",
		"nats://lab1:hun/ter2@" + at,
		"nats://lab1:hun#ter2@" + at,
		"nats://lab1:hun?ter2@" + at,
		"nats://lab1:hun%ter2@" + at,
		"nats://lab1:hun,ter2@" + at,
		"nats://lab1:1,ter2@" + at,
		"nats://lab1:hun@ter2@" + at,
		"nats://lab1:hun ter2@" + at,
		"nats://lab1:hun\nter2@" + at,
		"nats://lab1:hunter2",
		"nats://lab1:hunter2@",
		"nats://lab1:hunter2@" + at + ",nats://lab1:hunter2@:x",
		"nats://lab1:hunter2@" + at + ",nats://lab2:hunter2@" + at,
		"http://lab1:hunter2@" + at,
		"lab1:hunter2@" + at,
		"nats://lab1:hunter2@[::1",
		"://lab1:hunter2@" + at,
		"nats://lab1:hunter2@" + closed,
	} {
		told := newEvents()
		l, err := Connect(context.Background(), Config{URL: url, Events: told.take})
		text := fmt.Sprint(err, told.texts)
		if err == nil {
			text += l.Address()
			if _, err := ask(l, "obe.nv3", "{}"); err == nil {
				t.Errorf("%s: asked with a wrong password", url)
			} else {
				text += err.Error()
			}
			l.Close()
			if !strings.Contains(url, closed) {
				t.Errorf("%q: no error", url)
			}
		} else if !errors.Is(err, ErrArgument) && !errors.Is(err, ErrPermission) {
			t.Errorf("%q: %v", url, err)
		}
		for _, secret := range []string{"hunter2", "hun", "ter2"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is told: %s", url, text)
			}
		}
	}
}

// Each way to say who one is works, and a wrong one is an error with its cause.
func TestCredentials(t *testing.T) {
	operator, err := os.ReadFile(filepath.Join("testdata", "operator.conf"))
	if err != nil {
		t.Fatal(err)
	}
	const public = "UAWR6ATRP2NQM4YYVOPXO3MZZJKEWTE3PQ3RBKWU2ZHOHW5UIFLL3BJJ"
	user := natsserver.Start(t, `authorization { user: lab1, password: "a:b@c/d,e" }`)
	token := natsserver.Start(t, `authorization { token: "t0ken" }`)
	nkey := natsserver.Start(t, fmt.Sprintf(`authorization { users: [{nkey: %s}] }`, public))
	jwt := natsserver.Start(t, string(operator))
	creds, seed := filepath.Join("testdata", "user.creds"), filepath.Join("testdata", "user.nk")
	with := func(s *natsserver.Server, user string) string {
		return strings.Replace(s.URL(), "//", "//"+user+"@", 1)
	}
	for name, c := range map[string]Config{
		"user":        {URL: with(user, "lab1:a%3Ab%40c%2Fd%2Ce")},
		"two servers": {URL: with(user, "lab1:a%3Ab%40c%2Fd%2Ce") + "," + user.URL()},
		"token":       {URL: with(token, "t0ken")},
		"nkey":        {URL: nkey.URL(), NKey: seed},
		"credentials": {URL: jwt.URL(), Credentials: creds},
	} {
		l := newLinkTo(t, c)
		if l.Address() != strings.TrimPrefix(strings.ReplaceAll(l.servers, "nats://", ""), "nats://") || strings.Contains(l.Address(), "@") {
			t.Errorf("%s: address %s", name, l.Address())
		}
	}
	missing := filepath.Join(systemtest.TempDir(t), "missing")
	for name, c := range map[string]Config{
		"no user":               {URL: user.URL()},
		"no nkey":               {URL: nkey.URL()},
		"no credentials":        {URL: jwt.URL()},
		"nkey for a user":       {URL: user.URL(), NKey: seed},
		"credentials for nkeys": {URL: nkey.URL(), Credentials: creds},
		"no file of an nkey":    {URL: nkey.URL(), NKey: missing},
		"no credentials file":   {URL: jwt.URL(), Credentials: missing},
		"a seed as credentials": {URL: jwt.URL(), Credentials: seed},
		"credentials as a seed": {URL: nkey.URL(), NKey: filepath.Join("testdata", "operator.conf")},
		"both":                  {URL: nkey.URL(), NKey: seed, Credentials: creds},
		"no CA":                 {URL: user.URL(), TLSCA: missing},
		"CA is no certificate":  {URL: user.URL(), TLSCA: seed},
		"certificate alone":     {URL: user.URL(), TLSCert: creds},
		"certificate is none":   {URL: user.URL(), TLSCert: creds, TLSKey: seed},
		"inbox":                 {URL: user.URL(), InboxPrefix: "a..b"},
		"TLS without TLS":       {URL: strings.Replace(with(user, "lab1:a%3Ab%40c%2Fd%2Ce"), "nats:", "tls:", 1)},
	} {
		l, err := Connect(context.Background(), c)
		if err == nil {
			l.Close()
			t.Errorf("%s: no error", name)
			continue
		}
		if !errors.Is(err, ErrArgument) && !errors.Is(err, ErrPermission) {
			t.Errorf("%s: %v", name, err)
		}
		for _, secret := range []string{"SUAE4C66", "SUA", "eyJ0"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// certificates writes an authority's certificate, and a certificate of the loopback address with its key.
func certificates(t testing.TB) (ca, cert, key string) {
	t.Helper()
	directory := systemtest.TempDir(t)
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, authority, authority, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test"}, NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, authority, &own.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	return write("ca.pem", "CERTIFICATE", caDER), write("cert.pem", "CERTIFICATE", der), write("key.pem", "EC PRIVATE KEY", keyDER)
}

// TLS: the server is verified, and may demand a certificate.
func TestTLS(t *testing.T) {
	ca, cert, key := certificates(t)
	open := natsserver.Start(t, fmt.Sprintf("tls { cert_file: %q, key_file: %q }", cert, key))
	mutual := natsserver.Start(t, fmt.Sprintf("tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true }", cert, key, ca))
	for name, c := range map[string]Config{
		"authority":   {URL: open.URL(), TLSCA: ca},
		"tls://":      {URL: strings.Replace(open.URL(), "nats:", "tls:", 1), TLSCA: ca},
		"certificate": {URL: mutual.URL(), TLSCA: ca, TLSCert: cert, TLSKey: key},
	} {
		asker, answerer := newLinkTo(t, c), newLinkTo(t, c)
		service := serve(t, answerer, "obe.nv3", func(r *Request) { go func() { _ = r.Respond(r.Body) }() })
		if _, err := asker.Conn().TLSConnectionState(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		body := random(3<<20, 1)
		answer, err := asker.Ask(context.Background(), Ask{Subject: service.Instance(), Private: true, Body: body, Deadline: time.Now().Add(systemtest.Timeout)})
		if err != nil || string(answer.Body) != string(body) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]Config{
		"unknown authority": {URL: open.URL()},
		"no certificate":    {URL: mutual.URL(), TLSCA: ca},
	} {
		l, err := Connect(context.Background(), c)
		if err == nil {
			l.Close()
		}
		if !errors.Is(err, ErrPermission) || !strings.Contains(strings.ToLower(err.Error()), "tls") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// fakeServer is a NATS server that only lets clients connect, and sends what the test wants.
type fakeServer struct {
	net.Listener
	subscribed chan string   // lines of subscriptions
	clients    chan net.Conn // connections
}

func newFakeServer(t testing.TB) *fakeServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	f := &fakeServer{Listener: listener, subscribed: make(chan string, 100), clients: make(chan net.Conn, 100)}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go f.serve(conn)
		}
	}()
	return f
}

func (f *fakeServer) serve(conn net.Conn) {
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, `INFO {"server_id":"fake","version":"2.12.0","proto":1,"headers":true,"max_payload":1048576}`+"\r\n")
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "PING"):
			_, _ = fmt.Fprint(conn, "PONG\r\n")
		case strings.HasPrefix(line, "CONNECT"):
			f.clients <- conn
		case strings.HasPrefix(line, "SUB"):
			f.subscribed <- line
		}
	}
}

// An error that nats.go does not know makes it end the connection for good. The link makes another one, with all
// subscriptions.
func TestConnectionThatEndsForGood(t *testing.T) {
	server := newFakeServer(t)
	told := newEvents()
	l := newLinkTo(t, Config{URL: "nats://" + server.Addr().String(), Events: told.take})
	service := echo(t, l, "obe.nv3")
	first := l.Conn()
	awaitSubscriptions := func() {
		t.Helper()
		want := map[string]bool{l.inbox + "*": true, "obe.nv3": true, service.Instance(): true, "obe.nv3._who": true}
		for len(want) > 0 {
			select {
			case line := <-server.subscribed:
				delete(want, strings.Fields(line)[1])
			case <-time.After(systemtest.Timeout):
				t.Fatalf("not subscribed: %v", want)
			}
		}
	}
	awaitSubscriptions()
	result := make(chan error, 1)
	go func() {
		_, err := ask(l, "obe.nv4", "{}")
		result <- err
	}()
	for limit := time.Now().Add(systemtest.Soon); ; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		under := len(l.calls) == 1
		for _, c := range l.calls {
			under = under && c.sent.Load()
		}
		l.mu.Unlock()
		if under {
			break
		}
		if time.Now().After(limit) {
			t.Fatal("the command is not sent")
		}
	}
	_, _ = fmt.Fprint(<-server.clients, "-ERR 'Something Odd'\r\n")
	if err := next(t, result); !errors.Is(err, ErrBroken) {
		t.Errorf("the command under way: %v", err)
	}
	told.await(t, EventReconnected, 1)
	awaitSubscriptions()
	if l.Conn() == first || !l.Connected() {
		t.Error("there is no other connection")
	}
	if texts := strings.Join(told.told(EventError), "; "); !strings.Contains(strings.ToLower(texts), "something odd") {
		t.Errorf("told: %s", texts)
	}
}

// A peer that is no NATS server, or that says nothing, does not hold up Connect for ever, and is told.
func TestNoNATSServer(t *testing.T) {
	for _, greeting := range []string{"HTTP/1.1 400 Bad Request\r\n\r\n", "INFO {}\r\n-ERR 'x'\r\n", "INFO nonsense\r\n", "\x00\xff\r\n", ""} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = fmt.Fprint(conn, greeting)
				_ = conn.Close()
			}
		}()
		told := newEvents()
		ctx, cancel := context.WithTimeout(context.Background(), systemtest.Timeout)
		l, err := Connect(ctx, Config{URL: "nats://" + listener.Addr().String(), Events: told.take})
		cancel()
		if err != nil {
			t.Errorf("%q: %v", greeting, err)
		} else {
			told.await(t, EventUnreachable, 2)
			if l.Connected() {
				t.Errorf("%q: connected", greeting)
			}
			l.Close()
		}
		_ = listener.Close()
	}
}

// The context ends Connect.
func TestConnectCancelled(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	l, err := Connect(ctx, Config{URL: "nats://" + listener.Addr().String()})
	if err == nil {
		l.Close()
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(begin); took > connectTimeout/2 {
		t.Errorf("it took %v", took)
	}
}
