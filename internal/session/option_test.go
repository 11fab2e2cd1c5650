package session

import (
	"errors"
	"strings"
	"testing"

	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

func expectOption(t *testing.T, s *Session, name, want string) {
	t.Helper()
	if got, err := s.Option(name); string(got) != want || err != nil {
		t.Errorf("option %s is %q (%v), want %q", name, got, err, want)
	}
}

func TestOptionsOfASession(t *testing.T) {
	s := newEchoClient(t)
	expectOption(t, s, "persistent", "0")
	expectOption(t, s, "peer", "")
	expectOption(t, s, CodePage, "utf-8")
	for _, name := range []string{"", "no such", "Peer"} {
		if _, err := s.Option(name); !errors.Is(err, socket.ErrArgument) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// A text is read in the code page. In JSON, each character beyond ASCII becomes
// an escape.
func TestOptionsInACodePage(t *testing.T) {
	s := newCodePageSession(t, "1252")
	expectOption(t, s, CodePage, "1252")
	if err := s.SetOption("fields", "{\"a\": \"\xb5m\"}"); err != nil {
		t.Fatal(err)
	}
	expectOption(t, s, "fields", `{"a": "\u00b5m"}`)
	if err := s.SetOption("tls_server_name", "\xb5m"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetOption(CodePage, "1251"); err != nil {
		t.Fatal(err)
	}
	expectOption(t, s, "fields", `{"a": "\u00b5m"}`)
	if err := s.SetOption(CodePage, "950"); err != nil {
		t.Fatal(err)
	}
	expectOption(t, s, "fields", `{"a": "\u00b5m"}`)
	expectOption(t, s, "tls_server_name", "?m")
}

// The peer of a server is that of the last message, on whichever thread it was received,
// and also after it has left.
func TestPeerOfASession(t *testing.T) {
	server, newClient := newPair(t)
	expectOption(t, server, "peer", "")
	for range 3 {
		c := newClient()
		if err := c.Send([]byte("1"), testTimeout); err != nil {
			t.Fatal(err)
		}
		local, err := c.Option("local")
		if err != nil || len(local) == 0 {
			t.Fatalf("%q, %v", local, err)
		}
		if err := onNewThread(func() error { _, err := server.Receive(testTimeout); return err }); err != nil {
			t.Fatal(err)
		}
		expectOption(t, server, "peer", string(local))
		c.Free()
		if _, err := server.Receive(0); !errors.Is(err, socket.ErrTimeout) {
			t.Fatal(err)
		}
		expectOption(t, server, "peer", string(local))
	}
}

// The error of a read quotes an error reply, cut at a character.
func TestErrorReplyIsQuoted(t *testing.T) {
	reply := `{"error": "` + strings.Repeat("€", 100) + `"}`
	s := newClientOf(t, func([]byte) []byte { return []byte(reply) })
	if _, err := s.Tcmd([]byte("1"), testTimeout); err != nil {
		t.Fatal(err)
	}
	err := s.ReadValue("get_int", []byte("/x"), func(d *jsondoc.Document, pointer string) error {
		_, err := d.Int(pointer)
		return err
	})
	if want := "; the message is " + reply[:200] + "… (313 bytes)"; !errors.Is(err, jsondoc.ErrNotFound) || !strings.Contains(err.Error(), want) {
		t.Errorf("the error lacks %q: %v", want, err)
	}
}
