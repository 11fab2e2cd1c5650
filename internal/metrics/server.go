package metrics

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"libobe/internal/excerpt"
	"libobe/internal/httpserver"
)

const (
	// maxConnections is how many connections are served: a few instances of Prometheus, and people.
	maxConnections = 64
	// idleTime is how long a connection lasts between two requests: longer than the usual interval of
	// Prometheus, one minute.
	idleTime = 2 * time.Minute
	// readTime is how long it may take to read the numbers. Prometheus waits ten seconds.
	readTime = 5 * time.Second
	// writeTime is how long a client may take for a request and its answer.
	writeTime = 10 * time.Second
)

// Path is where the metrics are.
const Path = "/metrics"

// Server serves a set of metrics.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// NewServer returns a server for a listener, which it closes in the end. host is the name of this
// machine that people were told. tell is called with faults that they should know.
func NewServer(s *Set, listener net.Listener, host string, tell func(text string)) *Server {
	// The answer is complete before it is sent, so that a client that does not read it keeps nothing
	// but its connection.
	metrics := promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{DisableCompression: true, CoalesceGather: true, Timeout: readTime})
	server := &Server{listener: httpserver.Limit(listener, maxConnections, "too many connections to these metrics")}
	isLocal := isLoopback(listener.Addr())
	server.http = httpserver.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-store")
		switch {
		case isLocal && !httpserver.IsOwnHost(r.Host, host):
			httpserver.Refuse(w, http.StatusForbidden, "these metrics have another address than "+excerpt.Quote(r.Host))
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			header.Set("Allow", "GET, HEAD")
			httpserver.Refuse(w, http.StatusMethodNotAllowed, "only GET and HEAD are answered here")
		case r.ContentLength != 0:
			header.Set("Connection", "close")
			httpserver.Refuse(w, http.StatusBadRequest, "a request has no body here")
		case r.URL.Path != Path:
			httpserver.Refuse(w, http.StatusNotFound, "the metrics are at "+Path)
		default:
			metrics.ServeHTTP(w, r)
		}
	}), idleTime, tell)
	server.http.WriteTimeout = writeTime
	return server
}

func isLoopback(address net.Addr) bool {
	at, err := netip.ParseAddrPort(address.String())
	return err == nil && at.Addr().Unmap().IsLoopback()
}

// Serve serves until Close is called. It returns why it has ended otherwise.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close closes the listener and all connections at once.
func (s *Server) Close() {
	s.http.Close()
	s.listener.Close() // Serve may not have been called
}
