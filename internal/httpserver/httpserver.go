// Package httpserver is what the HTTP servers of the tool share: the page of obe watch, and the
// metrics. It knows nothing of what they serve.
//
// The one thing to know first: these servers stand beside a conversation that is worth more than
// they are. So they have a part of the descriptors only, and no browser keeps a connection without
// a bound.
package httpserver

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

const (
	// headerTime is how long a client may take to send a request.
	headerTime = 5 * time.Second
	// MaxHeader is the size of the largest header of a request.
	MaxHeader = 16 << 10
)

// New returns a server whose requests are bounded in size and time. Between two requests a
// connection may idle for a time. tell is called with faults that people should know.
func New(handler http.Handler, idle time.Duration, tell func(text string)) *http.Server {
	return &http.Server{
		Handler: handler, DisableGeneralOptionsHandler: true, ReadHeaderTimeout: headerTime, IdleTimeout: idle, MaxHeaderBytes: MaxHeader,
		ErrorLog: log.New(tellLines(tell), "", 0),
	}
}

// tellLines tells the first line of each text that is written: the rest is a stack.
type tellLines func(string)

// Write tells the text of a log.
func (t tellLines) Write(p []byte) (int, error) {
	line, _, _ := strings.Cut(string(p), "\n")
	t(line)
	return len(p), nil
}

// Refuse answers with a sentence. http.Error would remove headers that have to stay.
func Refuse(w http.ResponseWriter, status int, sentence string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, sentence)
}

// IsOwnHost reports whether the host of a request is this machine, or the name of it that people
// use. A name of another site that leads to this machine (DNS rebinding) would let the pages of
// that site read everything.
func IsOwnHost(host, own string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || name != "" && name == strings.ToLower(own)
}
