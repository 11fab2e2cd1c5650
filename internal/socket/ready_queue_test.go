package socket

import (
	"slices"
	"testing"
)

func popAll(q *readyQueue) (ids []uint64) {
	for !q.isEmpty() {
		ids = append(ids, q.pop())
	}
	return ids
}

func TestRequeuedFollowNewlyReady(t *testing.T) {
	var q readyQueue
	if !q.isEmpty() || q.hasRequeued() {
		t.Fatal("a new queue is not empty")
	}
	q.requeue(7)
	q.requeue(8)
	if !q.isEmpty() || !q.hasRequeued() {
		t.Fatal("a requeued connection gets its turn in this round")
	}
	q.startRound(append(q.buffer(), 1, 2))
	if q.hasRequeued() {
		t.Error("a requeued connection gets two turns")
	}
	if got := popAll(&q); !slices.Equal(got, []uint64{1, 2, 7, 8}) {
		t.Errorf("the round is %v", got)
	}
	q.startRound(append(q.buffer(), 3))
	if got := popAll(&q); !slices.Equal(got, []uint64{3}) {
		t.Errorf("the next round is %v", got)
	}
}

func TestAcceptsOfOneRoundAreBounded(t *testing.T) {
	for _, c := range []struct {
		name  string
		ready []uint64
		want  int
	}{
		{"the listener alone", []uint64{listenerID}, 1},
		{"with a connection", []uint64{listenerID, 2}, maxAcceptsPerRound},
	} {
		t.Run(c.name, func(t *testing.T) {
			var q readyQueue
			for range 2 { // each round counts separately
				q.startRound(append(q.buffer(), c.ready...))
				accepts := 0
				for !q.isEmpty() {
					if q.pop() == listenerID {
						accepts++
						q.repeatAccept()
					}
				}
				if accepts != c.want {
					t.Errorf("%d turns of the listener, want %d", accepts, c.want)
				}
			}
		})
	}
}
