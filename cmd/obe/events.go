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
	to     io.Writer
	prefix string // of each line

	mu    sync.Mutex
	kinds map[string]*eventKind
}

type eventKind struct {
	count, untold int
	told          time.Time
}

const tellInterval = 10 * time.Second

func newEvents(to io.Writer, prefix string) *events {
	return &events{to: to, prefix: prefix, kinds: map[string]*eventKind{}}
}

// tell tells of an event. kind is a noun for many of them, as in "cut messages".
func (e *events) tell(kind, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	k := e.kinds[kind]
	if k == nil {
		k = &eventKind{}
		e.kinds[kind] = k
	}
	k.count++
	if now := time.Now(); k.told.IsZero() || now.Sub(k.told) >= tellInterval {
		k.told = now
		fmt.Fprintf(e.to, "%s: %s\n", e.prefix, printableLines(text))
	} else {
		k.untold++
	}
}

// say writes a sentence that is no event.
func (e *events) say(format string, values ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fmt.Fprintf(e.to, "%s: %s\n", e.prefix, printableLines(fmt.Sprintf(format, values...)))
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
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, kind := range slices.Sorted(maps.Keys(e.kinds)) {
		if k := e.kinds[kind]; k.untold > 0 {
			fmt.Fprintf(e.to, "%s: %s: %d, of which %d were not shown\n", e.prefix, kind, k.count, k.untold)
		}
	}
}

// plural returns a number and a noun, as in "3 messages".
func plural[N int | int64](n N, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
