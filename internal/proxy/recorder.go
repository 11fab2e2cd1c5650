package proxy

import (
	"errors"
	"os"
	"sync"
	"unsafe"

	"libobe/internal/recorder"
	"libobe/internal/trace"
)

// Recorder writes messages as lines of a trace, and delays none.
type Recorder struct {
	*recorder.Recorder[trace.Record]
}

// sizeOf returns how much memory a record takes, about.
func sizeOf(r *trace.Record) int { return int(unsafe.Sizeof(*r)) + len(r.Body) }

var errSlow = errors.New("the trace is written too slowly: messages came faster for a long time, or the disk has stopped")

// NewRecorder returns a Recorder. write writes records, and returns how many it could
// write, and why the first of the others is lost; it is called from one goroutine. failed is
// called once, with why the first message was lost, from any goroutine.
func NewRecorder(write func([]trace.Record) (written int, err error), failed func(error)) *Recorder {
	var first sync.Once
	return &Recorder{recorder.New(recorder.Config[trace.Record]{
		Size: sizeOf, Write: write, Slow: errSlow,
		Lost: func(err error) { first.Do(func() { failed(err) }) },
	})}
}

// Record queues a message. It does not wait.
func (r *Recorder) Record(m Message) {
	record := trace.Record{
		Time: m.Time, Process: os.Getpid(), Role: "proxy", Direction: trace.Received,
		Peer: m.Peer, Local: m.Local, Connection: m.Connection, Elapsed: m.Took, Body: m.Body, Length: m.Length,
	}
	if m.Reply {
		record.Direction = trace.Sent
	}
	r.Add(record)
}
