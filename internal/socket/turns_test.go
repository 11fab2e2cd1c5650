package socket

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// turnsFixture is turns with the calls that follow.
type turnsFixture struct {
	turns
	mu   sync.Mutex
	told []string // the calls that were promoted, in order
	errs map[string]error
}

func newTurns() *turnsFixture {
	f := &turnsFixture{errs: map[string]error{}}
	f.vacant.L = &f.mu
	f.lead(newCall())
	return f
}

// start starts a call that follows. If it is promoted, it leads, unless another call does.
func (f *turnsFixture) start(name string, c *call) {
	go func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for again := false; !again || f.led(); again = true {
			if err := f.follow(c, again); err != nil {
				f.errs[name] = err
				return
			}
		}
		f.told = append(f.told, name)
		f.lead(c)
	}()
	synctest.Wait()
}

func (f *turnsFixture) end() {
	f.mu.Lock()
	f.stepDown()
	f.mu.Unlock()
	synctest.Wait()
}

func TestFollowersLeadInOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTurns()
		for _, name := range []string{"a", "b", "c"} {
			f.start(name, newCall())
		}
		for range 3 {
			f.end()
		}
		if !slices.Equal(f.told, []string{"a", "b", "c"}) {
			t.Errorf("the order is %q", f.told)
		}
		f.end()
		if f.led() || len(f.followers) > 0 {
			t.Error("a call leads after the last one has stepped down")
		}
	})
}

func TestPromotedCallThatCameTooLateIsTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTurns()
		for _, name := range []string{"a", "b", "c"} {
			f.start(name, newCall())
		}
		f.mu.Lock()
		f.stepDown() // promotes a
		f.lead(newCall())
		f.mu.Unlock()
		synctest.Wait()
		for range 3 {
			f.end()
		}
		if !slices.Equal(f.told, []string{"a", "b", "c"}) {
			t.Errorf("the order is %q", f.told)
		}
		f.end()
	})
}

func TestFollowerThatTimesOutIsNotPromoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTurns()
		short := newCall()
		short.deadline = time.Now().Add(time.Second)
		f.start("short", short)
		f.start("long", newCall())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if f.errs["short"] != ErrTimeout {
			t.Errorf("the call ended with %v, want ErrTimeout", f.errs["short"])
		}
		f.end()
		if !slices.Equal(f.told, []string{"long"}) {
			t.Errorf("%q were promoted", f.told)
		}
		f.end()
	})
}

// A call that is promoted and interrupted at the same moment promotes the next one.
func TestPromotionOfAnEndedCallIsPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 20 { // select chooses at random
			f := newTurns()
			first := newCall()
			f.start("first", first)
			f.start("second", newCall())
			f.mu.Lock()
			f.stepDown()
			first.cause = ErrCancelled
			close(first.done)
			f.mu.Unlock()
			synctest.Wait()
			if f.errs["first"] != nil {
				if !slices.Equal(f.told, []string{"second"}) {
					t.Fatalf("%q were promoted", f.told)
				}
			} else {
				f.end()
			}
			f.end()
		}
	})
}

func TestWaitUntilVacant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTurns()
		vacant := false
		go func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.waitUntilVacant()
			vacant = true
		}()
		synctest.Wait()
		if vacant {
			t.Fatal("it did not wait for the leader")
		}
		f.end()
		if !vacant {
			t.Error("it waits without a leader")
		}
	})
}
