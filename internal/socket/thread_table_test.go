package socket

import (
	"testing"

	"libobe/internal/thread"
)

func TestThreadTable(t *testing.T) {
	var table threadTable[int]
	if table.get(1) != nil {
		t.Fatal("an empty table has a value")
	}
	for id := range thread.ID(maxThreads) {
		table.set(id, int(id))
	}
	table.set(2, 20)
	for id, want := range map[thread.ID]int{2: 20, 3: 3, maxThreads - 1: maxThreads - 1} {
		if got := table.get(id); got == nil || *got != want {
			t.Errorf("the value of thread %d is %v, want %d", id, got, want)
		}
	}
	if table.get(maxThreads) != nil {
		t.Error("a thread without a value has one")
	}
}

// The thread that is forgotten is not found again, though it was the last one used.
func TestThreadTableForgets(t *testing.T) {
	var table threadTable[int]
	for id := range thread.ID(maxThreads) {
		table.set(id, 1)
	}
	for next := thread.ID(maxThreads); next < 3*maxThreads; next++ {
		table.get(next - 1)
		table.set(next, 1)
		if len(table.all) != maxThreads {
			t.Fatalf("%d threads are remembered", len(table.all))
		}
		if got := table.get(next); got != table.all[next] || got == nil {
			t.Fatalf("the value of thread %d is not that in the table", next)
		}
		if got := table.get(next - 1); got != table.all[next-1] {
			t.Fatalf("thread %d was forgotten, and has a value", next-1)
		}
	}
}
