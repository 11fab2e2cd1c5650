package designer

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// chunkSize is the number of particles that one goroutine works on at a time, and that sums are divided by. It does not
// depend on GOMAXPROCS, and so no result does.
const chunkSize = 2048

// parallelWork is the number of evaluations of the model from which several goroutines are faster than one.
const parallelWork = 100_000

// chunks calls work for the parts of 0..n-1.
func chunks(n, cost int, work func(chunk, from, to int)) {
	count := (n + chunkSize - 1) / chunkSize
	each(count, n*cost, func(chunk int) {
		work(chunk, chunk*chunkSize, min((chunk+1)*chunkSize, n))
	})
}

// each calls work for 0..count-1, in several goroutines if the cost of all, in evaluations of the model, is worth it.
// A panic of one of them becomes a panic of each, when the others have ended.
func each(count, cost int, work func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), count)
	if cost < parallelWork || workers < 2 {
		for i := range count {
			work(i)
		}
		return
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	var fault atomic.Pointer[workerFault]
	for range workers {
		wait.Go(func() {
			defer func() {
				if value := recover(); value != nil {
					fault.CompareAndSwap(nil, &workerFault{value, debug.Stack()})
				}
			}()
			for i := int(next.Add(1)) - 1; i < count; i = int(next.Add(1)) - 1 {
				work(i)
			}
		})
	}
	wait.Wait()
	if f := fault.Load(); f != nil {
		panic(f)
	}
}

// A workerFault is a panic of a worker. In its own goroutine it would end the process, since no caller could recover it.
type workerFault struct {
	value any
	stack []byte
}

func (f *workerFault) Error() string {
	return fmt.Sprintf("%v, in this goroutine:\n%s", f.value, f.stack)
}
