package monitor

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path"
	"strings"
	"time"

	"libobe/internal/excerpt"
	"libobe/internal/httpserver"
)

const (
	// maxConnections is how many connections of browsers are served.
	maxConnections = 512
	idleTime       = 60 * time.Second
	// writeTime is how long a browser may take to accept a frame, a file or a part of a table before
	// its connection is closed.
	writeTime = 30 * time.Second
	// aliveInterval is how often something is sent to a browser when nothing changes.
	aliveInterval = 15 * time.Second
)

// policy lets the page load only what this server has.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Config is what a server needs.
type Config struct {
	Model    *Model
	Files    fs.FS // of the page, with index.html
	Listener net.Listener
	// Token is the first element of the path of every address; "" is none.
	Token string
	// Host is the name of this machine in the address that people are told.
	Host string
	// Tell is called with faults that people should know.
	Tell func(text string)
}

// Server serves the page of a model, its frames and its measurements.
type Server struct {
	config Config
	hub    *hub
	http   *http.Server
}

// NewServer returns a server for a listener, which it closes in the end.
func NewServer(config Config) *Server {
	s := &Server{config: config, hub: newHub(config.Model)}
	s.http = httpserver.New(s, idleTime, config.Tell)
	return s
}

// Serve serves until Close is called. It returns why it has ended otherwise.
func (s *Server) Serve() error {
	if err := s.http.Serve(httpserver.Limit(s.config.Listener, maxConnections, "too many connections to this page: close some browsers")); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close closes all connections at once.
func (s *Server) Close() { s.http.Close() }

// giveTime gives a browser writeTime from now on, or else it has the time of the system.
func giveTime(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	giveTime(w)
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	name, known := s.pathOf(r)
	switch {
	case !httpserver.IsOwnHost(r.Host, s.config.Host):
		httpserver.Refuse(w, http.StatusForbidden, "this page has another address than "+excerpt.Quote(r.Host))
	case r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate":
		httpserver.Refuse(w, http.StatusForbidden, "this page is not for other sites")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD")
		httpserver.Refuse(w, http.StatusMethodNotAllowed, "only GET and HEAD are answered here")
	case r.ContentLength != 0:
		header.Set("Connection", "close")
		httpserver.Refuse(w, http.StatusBadRequest, "a request has no body here")
	case known && name == "" && !strings.HasSuffix(r.URL.Path, "/"):
		header.Set("Location", "/"+s.config.Token+"/")
		httpserver.Refuse(w, http.StatusPermanentRedirect, "the address ends with /")
	case !known:
		httpserver.Refuse(w, http.StatusNotFound, "there is nothing at this address: compare it with the one that obe watch has printed")
	default:
		s.serve(w, r, name)
	}
}

// pathOf returns what follows the token in the path of a request, and whether the token is right.
func (s *Server) pathOf(r *http.Request) (name string, known bool) {
	name = strings.TrimPrefix(r.URL.Path, "/")
	if s.config.Token == "" {
		return name, true
	}
	token, name, _ := strings.Cut(name, "/")
	return name, subtle.ConstantTimeCompare([]byte(token), []byte(s.config.Token)) == 1
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, name string) {
	var answer func(http.ResponseWriter, *http.Request, Query) error
	switch name {
	case "snapshot":
		answer = s.snapshot
	case "events":
		answer = s.events
	case "run.csv":
		answer = s.csv
	default:
		s.file(w, name)
		return
	}
	q, err := ParseQuery(r.URL.RawQuery)
	if err == nil {
		err = answer(w, r, q)
	}
	var missing *ErrNoRun
	switch {
	case errors.Is(err, errTooMany):
		httpserver.Refuse(w, http.StatusServiceUnavailable, err.Error())
	case errors.As(err, &missing):
		httpserver.Refuse(w, http.StatusNotFound, err.Error())
	case err != nil:
		httpserver.Refuse(w, http.StatusBadRequest, err.Error())
	}
}

// contentTypes are those of the files of the page. Package mime asks the system, and on Windows
// other programs may have changed its answer.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".map": "application/json", ".txt": "text/plain; charset=utf-8",
}

// file answers with a file of the page.
func (s *Server) file(w http.ResponseWriter, name string) {
	if name == "" {
		name = "index.html"
	}
	text, err := fs.ReadFile(s.config.Files, name)
	kind, known := contentTypes[path.Ext(name)]
	if err != nil || !known {
		httpserver.Refuse(w, http.StatusNotFound, "there is no such file")
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(text) // the browser has ended if that fails
}

func (s *Server) snapshot(w http.ResponseWriter, _ *http.Request, q Query) error {
	frame, err := s.hub.frame(q)
	if err != nil {
		return err
	}
	giveTime(w) // many others may have been served before it
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(frame.json())
	return nil
}

// events sends frames until the browser ends. While a browser accepts nothing, it loses frames.
func (s *Server) events(w http.ResponseWriter, r *http.Request, q Query) error {
	topic, release, err := s.hub.subscribe(q)
	if err != nil {
		return err
	}
	defer release()
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	if r.Method == http.MethodHead {
		return nil
	}
	control := http.NewResponseController(w)
	send := func(text []byte) bool {
		giveTime(w)
		_, err := w.Write(text)
		return err == nil && control.Flush() == nil
	}
	alive := time.NewTicker(aliveInterval)
	defer alive.Stop()
	var seen *encoded
	for {
		newest, changed := topic.latest()
		if newest == nil || newest != seen && !send(newest.event) {
			return nil
		}
		seen = newest
		select {
		case <-changed:
		case <-alive.C:
			if !send([]byte(":\n\n")) {
				return nil
			}
		case <-r.Context().Done():
			return nil
		}
	}
}

// csv sends all measurements of a run.
func (s *Server) csv(w http.ResponseWriter, r *http.Request, q Query) error {
	rows, err := s.config.Model.export(q.Run)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="run-%d.csv"`, rows.run.number))
	if r.Method == http.MethodHead {
		return nil
	}
	for text := range rows.all(r.Context(), &s.hub.encoding) {
		giveTime(w)
		if _, err := w.Write(text); err != nil {
			return nil
		}
	}
	return nil
}
