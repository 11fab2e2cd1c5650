package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// events tells people what happens in a program that runs for long: the first event of
// each kind at once, and later ones at most every tellInterval. It counts all.
type events struct {
	writing sync.Mutex
	to      io.Writer
	prefix  string // of each line

	mu    sync.Mutex // is not held while a line is written, which may take long
	kinds map[string]*eventKind
}

type eventKind struct {
	count, untold int
	told          time.Time
}

// notRecorded begins the sentence about a message that a trace lacks.
const notRecorded = "a message could not be recorded, and the run goes on: "

const tellInterval = 10 * time.Second

func newEvents(to io.Writer, prefix string) *events {
	return &events{to: to, prefix: prefix, kinds: map[string]*eventKind{}}
}

// tell tells of an event. kind is a noun for many of them, as in "cut messages".
func (e *events) tell(kind, text string) {
	if e.isTold(kind) {
		e.write(text)
	}
}

// isTold counts an event, and reports whether it is to be told now.
func (e *events) isTold(kind string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	k := e.kind(kind)
	k.count++
	now := time.Now()
	if !k.told.IsZero() && now.Sub(k.told) < tellInterval {
		k.untold++
		return false
	}
	k.told = now
	return true
}

func (e *events) write(text string) {
	e.writing.Lock()
	defer e.writing.Unlock()
	fmt.Fprintf(e.to, "%s: %s\n", e.prefix, printableLines(text))
}

// kind returns what is known of a kind of events. e.mu is held.
func (e *events) kind(kind string) *eventKind {
	k := e.kinds[kind]
	if k == nil {
		k = &eventKind{}
		e.kinds[kind] = k
	}
	return k
}

// add counts an event of which there is nothing to tell at once.
func (e *events) add(kind string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	k := e.kind(kind)
	k.count++
	k.untold++
}

// say writes a sentence that is no event.
func (e *events) say(format string, values ...any) {
	e.write(fmt.Sprintf(format, values...))
}

// count returns how many events of a kind there were.
func (e *events) count(kind string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if k := e.kinds[kind]; k != nil {
		return k.count
	}
	return 0
}

// end tells how many events were only counted.
func (e *events) end() {
	for _, line := range e.untold() {
		e.write(line)
	}
}

func (e *events) untold() (lines []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, kind := range slices.Sorted(maps.Keys(e.kinds)) {
		if k := e.kinds[kind]; k.untold > 0 {
			lines = append(lines, fmt.Sprintf("%s: %d, of which %d were not shown", kind, k.count, k.untold))
		}
	}
	return lines
}

// plural returns a number and a noun, as in "3 messages".
func plural[N int | int64](n N, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
