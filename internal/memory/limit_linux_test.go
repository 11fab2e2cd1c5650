//go:build !race

package memory

import (
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// The process of another test, which has little address space: see limited.
const job = "LIBOBE_MEMORY_TEST"

func TestMain(m *testing.M) {
	if name := os.Getenv(job); name != "" {
		if err := jobs[name](); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// limited leaves a process some bytes of addresses more than it has.
func limited(left int) error {
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

// use makes a block and writes to all of it.
func use(n int) ([]byte, error) {
	block, err := Make[byte](n, n)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	return block, err
}

var jobs = map[string]func() error{
	// Nothing: Go could not even collect its garbage.
	"nothing": func() error {
		debug.SetGCPercent(-1)
		const size = 8 << 20
		refused := func() error {
			if _, err := Make[byte](size, size); !errors.Is(err, ErrMemory) {
				return fmt.Errorf("a block is made: %w", err)
			}
			return nil
		}
		if err := limited(size); err != nil {
			return err
		}
		if err := refused(); err != nil { // so that all small blocks for that are there
			return err
		}
		if err := limited(0); err != nil {
			return err
		}
		for range 10 {
			if err := refused(); err != nil {
				return err
			}
		}
		return nil
	},
	// One block after another, each garbage when the next is made.
	"sequence": func() error {
		if err := limited(300 << 20); err != nil {
			return err
		}
		for i := range 20 {
			if _, err := use(60 << 20); err != nil {
				return fmt.Errorf("block %d: %w", i, err)
			}
		}
		return nil
	},
	// Blocks of all sizes, and small ones that stay for a while.
	"sizes": func() error {
		if err := limited(300 << 20); err != nil {
			return err
		}
		r := rand.New(rand.NewSource(1))
		var kept [200][]byte
		taken := 0
		for range 40 {
			_, err := use(1<<20 + r.Intn(80<<20))
			if err == nil {
				taken++
			} else if !errors.Is(err, ErrMemory) {
				return err
			}
			for range 20 {
				kept[r.Intn(len(kept))] = make([]byte, r.Intn(32<<10))
			}
		}
		if taken < 20 {
			return fmt.Errorf("%d of 40 blocks were made", taken)
		}
		return nil
	},
	// Many at the same time, more than there is room for.
	"threads": func() error {
		if err := limited(200 << 20); err != nil {
			return err
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		taken := 0
		for i := range 4 {
			all.Add(1)
			go func() {
				defer all.Done()
				r := rand.New(rand.NewSource(int64(i)))
				var kept [50][]byte
				for range 10 {
					if block, err := use(r.Intn(60 << 20)); err == nil {
						mu.Lock()
						taken++
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
		if taken < 5 {
			return fmt.Errorf("%d blocks were made", taken)
		}
		if _, err := use(20 << 20); err != nil {
			return fmt.Errorf("when all is over: %w", err)
		}
		return nil
	},
}

// A limit of the address space is no reason to refuse what Go's heap has free, and a
// block that there is no room for does not end the process.
func TestLittleAddressSpace(t *testing.T) {
	for name := range jobs {
		t.Run(name, func(t *testing.T) {
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), job+"="+name)
			if out, err := child.CombinedOutput(); err != nil {
				t.Errorf("%v\n%.2000s", err, strings.TrimSpace(string(out)))
			}
		})
	}
}
