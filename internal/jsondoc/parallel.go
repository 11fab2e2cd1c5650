package jsondoc

import (
	"runtime"
	"sync"
)

// minPerGoroutine is how many numbers are worth a goroutine; fewer are handled by the
// caller's own.
const minPerGoroutine = 16384

// workers returns how many goroutines n numbers are worth.
func workers(n int) int { return goroutines(n / minPerGoroutine) }

// goroutines returns how many of the most goroutines that are worthwhile can run at the same time.
func goroutines(most int) int {
	return max(1, min(most, runtime.GOMAXPROCS(0), runtime.NumCPU()))
}

// parallel runs f(0) … f(n-1) at the same time and waits for all of them. It raises a
// panic in one of them again here, where the caller can recover from it.
func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	var once sync.Once
	var panicVal any
	for i := 1; i < n; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() {
				if p := recover(); p != nil {
					once.Do(func() { panicVal = p })
				}
			}()
			f(i)
		}()
	}
	f(0)
	wg.Wait()
	if panicVal != nil {
		panic(panicVal)
	}
}
