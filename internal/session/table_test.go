package session

import (
	"errors"
	"math"
	"sync"
	"testing"
)

func TestTable(t *testing.T) {
	var table Table[string]
	if _, ok := table.Find(0); ok {
		t.Error("0 refers to an item")
	}
	a, _ := table.Add("a")
	b, _ := table.Add("b")
	if a != First || b != First+1 {
		t.Errorf("handles %d, %d", a, b)
	}
	if item, ok := table.Find(b); !ok || item != "b" {
		t.Errorf("%q, %v", item, ok)
	}
	if item, ok := table.Remove(a); !ok || item != "a" {
		t.Errorf("%q, %v", item, ok)
	}
	if _, ok := table.Remove(a); ok {
		t.Error("removed twice")
	}
	if c, _ := table.Add("c"); c != b+1 {
		t.Errorf("a number was assigned again: %d", c)
	}
	removed := table.RemoveAll(func(s string) bool { return s == "c" })
	if len(removed) != 1 || removed[0] != "c" || table.Len() != 1 {
		t.Errorf("%q, %d left", removed, table.Len())
	}
}

func TestTableIsExhausted(t *testing.T) {
	table := Table[int]{next: math.MaxInt32, live: map[Handle]int{}}
	if h, err := table.Add(1); err != nil || h != math.MaxInt32 {
		t.Fatal(h, err)
	}
	for range 3 {
		if h, err := table.Add(2); !errors.Is(err, ErrExhausted) || h != 0 {
			t.Fatal(h, err)
		}
	}
	if item, ok := table.Find(math.MaxInt32); !ok || item != 1 {
		t.Error("the last handle is invalid")
	}
}

func TestTableFromManyGoroutines(t *testing.T) {
	var table Table[int]
	var workers sync.WaitGroup
	seen := sync.Map{}
	for range 8 {
		workers.Go(func() {
			for range 1000 {
				h, err := table.Add(1)
				if err != nil {
					t.Error(err)
				}
				if _, twice := seen.LoadOrStore(h, true); twice {
					t.Errorf("%d was assigned twice", h)
				}
				if _, ok := table.Remove(h); !ok {
					t.Errorf("%d was not found", h)
				}
			}
		})
	}
	workers.Wait()
	if table.Len() != 0 {
		t.Errorf("%d left", table.Len())
	}
}
