package socket

// maxAcceptsPerRound is how many connections are accepted before the ready ones get
// their turn.
const maxAcceptsPerRound = 64

// readyQueue contains the ids of the connections, and of the listener, that get a turn.
// A round is what one poll returned. Only the leader uses it, except for requeue.
type readyQueue struct {
	ids      []uint64 // of this round
	next     int      // ids[next:] still have to get their turn
	accepts  int      // repeated turns of the listener in this round
	requeued []uint64 // get a turn in the next round, whatever the poller reports; guarded by core.mu
}

// isEmpty reports whether the round is over.
func (q *readyQueue) isEmpty() bool { return q.next == len(q.ids) }

// buffer returns memory for the result of a poll. The round must be over.
func (q *readyQueue) buffer() []uint64 { return q.ids[:0] }

// startRound starts a round with the result of a poll. Newly ready connections go
// before the requeued ones, whose turn was only interrupted.
func (q *readyQueue) startRound(ready []uint64) {
	q.ids, q.next, q.accepts = append(ready, q.requeued...), 0, 0
	q.requeued = q.requeued[:0]
}

// pop returns the next id.
func (q *readyQueue) pop() uint64 {
	id := q.ids[q.next]
	q.next++
	return id
}

// repeatAccept lets the listener, whose id was popped last, accept another connection in
// this round if connections are ready, too. Otherwise each waiting client would have to
// wait for a whole round of them.
func (q *readyQueue) repeatAccept() {
	if q.accepts++; len(q.ids) > 1 && q.accepts < maxAcceptsPerRound {
		q.next--
	}
}

// requeue adds an id to the next round.
func (q *readyQueue) requeue(id uint64) { q.requeued = append(q.requeued, id) }

// hasRequeued reports whether the next round begins without waiting.
func (q *readyQueue) hasRequeued() bool { return len(q.requeued) > 0 }
