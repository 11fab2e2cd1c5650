package monitor

import (
	"container/list"
	"slices"
	"time"

	"libobe/internal/conversation"
	"libobe/internal/trace"
)

// recent is a map of a bounded size, which removes what was used longest ago.
type recent[K comparable, V any] struct {
	known map[K]*list.Element // of order, with a pair[K, V]
	order list.List           // the one used last is at the front
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

// find returns the value of a key, and makes one if there is none. If there are already most
// others, it removes one and passes it to removed.
func (r *recent[K, V]) find(key K, most int, make func() V, removed func(V)) V {
	if element := r.known[key]; element != nil {
		r.order.MoveToFront(element)
		return element.Value.(pair[K, V]).value
	}
	if r.known == nil {
		r.known = map[K]*list.Element{}
	}
	for len(r.known) >= most {
		oldest := r.order.Remove(r.order.Back()).(pair[K, V])
		delete(r.known, oldest.key)
		removed(oldest.value)
	}
	value := make()
	r.known[key] = r.order.PushFront(pair[K, V]{key, value})
	return value
}

// all yields the values, the one that was used last first.
func (r *recent[K, V]) all(yield func(V) bool) {
	for e := r.order.Front(); e != nil; e = e.Next() {
		if !yield(e.Value.(pair[K, V]).value) {
			return
		}
	}
}

// exchange is a command and, when it comes, its reply.
type exchange struct {
	kind     kind
	name     string
	command  trace.Record // without its body
	text     uint64       // a hash of the body
	server   *server
	host     string // of the client
	answered bool

	settings, values, sigma []float64 // of newdat
}

// link is a connection, as one side has recorded it.
type link struct {
	waiting []*exchange // for their reply
	isKnown bool        // to have had a command
}

// answered returns the command that a reply belongs to, or nil.
func (l *link) answered(reply *trace.Record) (x *exchange) {
	if len(l.waiting) > 0 {
		x, l.waiting = conversation.Take(l.waiting, func(x *exchange) *trace.Record { return &x.command }, reply)
	}
	return x
}

// ends are the two ends of a connection, which both sides know.
type ends struct{ client, server string }

// unpaired are the commands of a connection that only one side has recorded so far: the server
// or a proxy, and the client.
type unpaired [2][]*exchange

// maxUnpaired is how far one side of a connection may have recorded before the other one.
const maxUnpaired = 16

// pair returns the exchange that the other side has recorded of the same command, if there is
// one.
func (u *unpaired) pair(side int, text uint64, now time.Time) *exchange {
	others := &u[1-side]
	i := slices.IndexFunc(*others, func(x *exchange) bool {
		return x.text == text && now.Sub(x.command.Time).Abs() <= conversation.CopyDelay
	})
	if i < 0 {
		return nil
	}
	x := (*others)[i]
	*others = slices.Delete(*others, i, i+1)
	return x
}

func (u *unpaired) add(side int, x *exchange) {
	if len(u[side]) >= maxUnpaired {
		u[side] = slices.Delete(u[side], 0, 1)
	}
	u[side] = append(u[side], x)
}
