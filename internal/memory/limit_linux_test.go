//go:build !race

package memory

import (
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// jobVariable names the job of a child process of TestLimitedAddressSpace.
const jobVariable = "LIBOBE_MEMORY_TEST"

func TestMain(m *testing.M) {
	if name := os.Getenv(jobVariable); name != "" {
		if err := jobs[name](); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// limitAddressSpace limits the process to left more bytes of address space than it uses.
func limitAddressSpace(left int) error {
	status, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return err
	}
	pages := uint64(0)
	if _, err := fmt.Sscan(string(status), &pages); err != nil {
		return err
	}
	size := pages*uint64(os.Getpagesize()) + uint64(left)
	return syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: size, Max: size})
}

// makeAndWrite allocates a block and writes to every page of it.
func makeAndWrite(n int) ([]byte, error) {
	block, err := Make[byte](n, n)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	return block, err
}

var jobs = map[string]func() error{
	// No memory at all: not even for a garbage collection.
	"nothing": func() error {
		debug.SetGCPercent(-1)
		const size = 8 << 20
		refused := func() error {
			if _, err := Make[byte](size, size); !errors.Is(err, ErrMemory) {
				return fmt.Errorf("a block is allocated: %w", err)
			}
			return nil
		}
		if err := limitAddressSpace(size); err != nil {
			return err
		}
		if err := refused(); err != nil { // allocates the small blocks that this needs
			return err
		}
		if err := limitAddressSpace(0); err != nil {
			return err
		}
		for range 10 {
			if err := refused(); err != nil {
				return err
			}
		}
		return nil
	},
	// One block after another, each of them garbage when the next is allocated.
	"sequence": func() error {
		if err := limitAddressSpace(300 << 20); err != nil {
			return err
		}
		for i := range 20 {
			if _, err := makeAndWrite(60 << 20); err != nil {
				return fmt.Errorf("block %d: %w", i, err)
			}
		}
		return nil
	},
	// Blocks of all sizes, and small ones that live for a while.
	"sizes": func() error {
		if err := limitAddressSpace(300 << 20); err != nil {
			return err
		}
		r := rand.New(rand.NewSource(1))
		var kept [200][]byte
		allocated := 0
		for range 40 {
			_, err := makeAndWrite(1<<20 + r.Intn(80<<20))
			if err == nil {
				allocated++
			} else if !errors.Is(err, ErrMemory) {
				return err
			}
			for range 20 {
				kept[r.Intn(len(kept))] = make([]byte, r.Intn(32<<10))
			}
		}
		if allocated < 20 {
			return fmt.Errorf("%d of 40 blocks were allocated", allocated)
		}
		return nil
	},
	// Concurrent blocks, more than fit.
	"threads": func() error {
		if err := limitAddressSpace(200 << 20); err != nil {
			return err
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		allocated := 0
		for i := range 4 {
			all.Add(1)
			go func() {
				defer all.Done()
				r := rand.New(rand.NewSource(int64(i)))
				var kept [50][]byte
				for range 10 {
					if block, err := makeAndWrite(r.Intn(60 << 20)); err == nil {
						mu.Lock()
						allocated++
						mu.Unlock()
						kept[0] = block
					}
					for range 20 {
						kept[1+r.Intn(len(kept)-1)] = make([]byte, r.Intn(32<<10))
					}
				}
			}()
		}
		all.Wait()
		if allocated < 5 {
			return fmt.Errorf("%d blocks were allocated", allocated)
		}
		// A small block that is not collected yet may split the free memory.
		var err error
		for range 5 {
			if _, err = makeAndWrite(20 << 20); err == nil {
				return nil
			}
			runtime.GC()
		}
		return fmt.Errorf("after all threads ended: %w", err)
	},
}

// With limited address space, blocks are allocated in free memory of Go's heap, and a block
// that does not fit does not end the process. Where Go's heap starts at a random place, small
// blocks may be left in the middle of it, and a large one does not fit after them: 14 of 60
// runs of "threads" failed so, and none of 60 without randomization.
func TestLimitedAddressSpace(t *testing.T) {
	randomized := !strings.Contains(runtime.Version(), "norandomizedheapbase64")
	for name := range jobs {
		t.Run(name, func(t *testing.T) {
			if name == "threads" && randomized {
				t.Skip("the test is built without GOEXPERIMENT=norandomizedheapbase64, which make sets for the library and for make test")
			}
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), jobVariable+"="+name)
			if out, err := child.CombinedOutput(); err != nil {
				t.Errorf("%v\n%.2000s", err, strings.TrimSpace(string(out)))
			}
		})
	}
}
