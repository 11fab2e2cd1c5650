package monitor

import (
	"encoding/json"
	"errors"
	"sync"
	"time"
)

const (
	// frameInterval is the shortest time between two frames of a browser.
	frameInterval = 250 * time.Millisecond
	// maxShare is the part of a core that frames may take.
	maxShare = 0.05
	// maxTraffic is how many bytes a second are sent to all browsers together.
	maxTraffic = 32 << 20
	// maxSubscribers is how many browsers may follow the run. Each may hold one frame that it
	// does not accept.
	maxSubscribers = 256
	// maxHeld is how many bytes the frames of all topics may have when another one begins.
	maxHeld = 256 << 20
	// maxCached is how many bytes of frames are kept for equal requests.
	maxCached = 8 << 20
)

// errTooMany refuses a browser.
var errTooMany = errors.New("too many browsers follow this run: close some of them, or read the snapshot")

// hub encodes frames, once for all browsers that look at the same thing.
type hub struct {
	model *Model

	// encoding is held for each frame and each part of a table, so that browsers never take more
	// than one core.
	encoding sync.Mutex
	cache    map[Query]*encoded
	cached   int // bytes in cache

	mu          sync.Mutex
	topics      map[Query]*topic
	subscribers int
	room        int // for the frames of topics: maxHeld, less in tests
}

// encoded is a frame as an event.
type encoded struct {
	event    []byte
	version  uint64        // of the model
	isMoving bool          // whether it changes without a message: the rate falls
	cost     time.Duration // of encoding it
}

const eventPrefix, eventEnd = "data: ", "\n\n"

// json returns the frame without what makes it an event, with a line end.
func (e *encoded) json() []byte { return e.event[len(eventPrefix) : len(e.event)-len(eventEnd)+1] }

func newHub(m *Model) *hub {
	return &hub{model: m, cache: map[Query]*encoded{}, topics: map[Query]*topic{}, room: maxHeld}
}

// frame returns the current frame of a query.
func (h *hub) frame(q Query) (*encoded, error) {
	h.encoding.Lock()
	defer h.encoding.Unlock()
	version := h.model.version.Load()
	if known := h.cache[q]; known != nil && known.version == version && !known.isMoving {
		return known, nil
	}
	began := time.Now()
	f, err := h.model.Frame(q)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	event := append(append(append(make([]byte, 0, len(text)+8), eventPrefix...), text...), eventEnd...)
	e := &encoded{event, version, f.Run != nil && f.Run.Rate > 0, time.Since(began)}
	if old := h.cache[q]; old != nil {
		h.cached -= len(old.event)
	}
	if h.cached += len(event); h.cached > maxCached {
		clear(h.cache)
		h.cached = len(event)
	}
	h.cache[q] = e
	return e, nil
}

// topic is what some browsers look at. It holds the newest frame.
type topic struct {
	subscribers int           // guarded by hub.mu
	stopped     chan struct{} // closed when there are none

	mu      sync.Mutex
	newest  *encoded      // nil: there is no such run any more
	changed chan struct{} // closed when newest is replaced
}

// subscribe returns the topic of a query, which release gives back.
func (h *hub) subscribe(q Query) (t *topic, release func(), err error) {
	first, err := h.frame(q)
	if err != nil {
		return nil, nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.subscribers >= maxSubscribers {
		return nil, nil, errTooMany
	}
	t = h.topics[q]
	if t == nil && h.held()+len(first.event) > h.room {
		return nil, nil, errTooMany
	}
	h.subscribers++
	if t == nil {
		t = &topic{stopped: make(chan struct{}), newest: first, changed: make(chan struct{})}
		h.topics[q] = t
		go h.follow(q, t)
	}
	t.subscribers++
	return t, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.subscribers--
		if t.subscribers--; t.subscribers == 0 {
			delete(h.topics, q)
			close(t.stopped)
		}
	}, nil
}

// held returns how many bytes the newest frames of all topics have.
func (h *hub) held() (bytes int) {
	for _, t := range h.topics {
		if newest, _ := t.latest(); newest != nil {
			bytes += len(newest.event)
		}
	}
	return bytes
}

// follow replaces the frame of a topic when the model has changed. It looks for that itself, so
// that a message costs the model nothing but a number.
func (h *hub) follow(q Query, t *topic) {
	newest, _ := t.latest()
	for newest != nil {
		select {
		case <-t.stopped:
			return
		case <-time.After(h.interval(t, newest)):
		}
		if newest.version == h.model.version.Load() && !newest.isMoving {
			continue
		}
		newest, _ = h.frame(q) // nil ends the topic: newer runs took the place of this one
		t.publish(newest)
	}
}

// interval returns the time until the next frame of a topic: longer for large ones and many
// browsers.
func (h *hub) interval(t *topic, newest *encoded) time.Duration {
	h.mu.Lock()
	topics, all := len(h.topics), h.subscribers
	h.mu.Unlock()
	encode := time.Duration(float64(newest.cost) / maxShare * float64(topics))
	send := time.Duration(float64(len(newest.event)) / maxTraffic * float64(all) * float64(time.Second))
	return max(frameInterval, encode, send)
}

func (t *topic) publish(e *encoded) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.newest = e
	close(t.changed)
	t.changed = make(chan struct{})
}

// latest returns the newest frame, and what is closed when there is another one.
func (t *topic) latest() (*encoded, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.newest, t.changed
}
