package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"libobe/internal/socket"
)

// latency is what measure prints.
type latency struct {
	Count     int      `json:"count"`
	Seconds   float64  `json:"seconds"`
	Min       float64  `json:"min_us"`
	P50       float64  `json:"p50_us"`
	P99       float64  `json:"p99_us"`
	Max       float64  `json:"max_us"`
	Histogram []bucket `json:"histogram_us"`
}

// bucket is how many exchanges took from From to less than Below microseconds.
type bucket struct {
	From  float64 `json:"from"`
	Below float64 `json:"below"`
	Count int     `json:"count"`
}

// measure sends a message n times and prints how long the exchanges took. A failure or a
// signal ends it early; what was measured is printed.
func measure(app *app, client *socket.Client, body []byte, timeout time.Duration, n int, people bool) (err error) {
	var took []time.Duration
	began := time.Now()
	for len(took) < n && err == nil && app.ctx.Err() == nil {
		var reply []byte
		start := time.Now()
		reply, err = client.TcmdBody(body, timeout)
		duration := time.Since(start)
		if err != nil {
			err = failure(err)
		} else if err = replyError(reply); err == nil {
			took = append(took, duration)
		}
	}
	elapsed := time.Since(began)
	if len(took) > 0 {
		l := newLatency(took, elapsed)
		out := l.table(client.Address())
		if !people {
			out, _ = json.Marshal(l) // of numbers that are finite
			out = append(out, '\n')
		}
		_, _ = app.stdout.Write(out)
	}
	return err
}

// newLatency sorts the durations.
func newLatency(took []time.Duration, elapsed time.Duration) latency {
	slices.Sort(took)
	n := len(took)
	return latency{n, elapsed.Seconds(), microseconds(took[0]), microseconds(percentile(took, 50)), microseconds(percentile(took, 99)), microseconds(took[n-1]), histogram(took)}
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// percentile returns the smallest of the sorted durations that p percent do not exceed.
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[max(0, int(math.Ceil(float64(len(sorted)*p)/100))-1)]
}

// histogram counts sorted durations between 1, 2, 5, 10, 20, 50, ... microseconds.
func histogram(sorted []time.Duration) (buckets []bucket) {
	from, steps := time.Duration(0), 0
	for i := 0; i < len(sorted); steps++ {
		below := time.Microsecond * []time.Duration{1, 2, 5}[steps%3] * time.Duration(math.Pow10(steps/3))
		next := i
		for next < len(sorted) && sorted[next] < below {
			next++
		}
		// Those before the first duration are left out.
		if next > 0 {
			buckets = append(buckets, bucket{microseconds(from), microseconds(below), next - i})
		}
		from, i = below, next
	}
	return buckets
}

// table returns the result for people.
func (l latency) table(address string) []byte {
	const width = 50 // of the longest bar
	out := fmt.Appendf(nil, "%d exchanges with %s in %.3g s, %.0f per second\n", l.Count, address, l.Seconds, float64(l.Count)/l.Seconds)
	for _, row := range []struct {
		name string
		us   float64
	}{{"min", l.Min}, {"p50", l.P50}, {"p99", l.P99}, {"max", l.Max}} {
		out = fmt.Appendf(out, "%s %9.1f µs\n", row.name, row.us)
	}
	most := 0
	for _, b := range l.Histogram {
		most = max(most, b.Count)
	}
	for _, b := range l.Histogram {
		bar := strings.Repeat("█", (b.Count*width+most-1)/most)
		out = append(out, strings.TrimRight(fmt.Sprintf("%8.0f to %8.0f µs %8d %s", b.From, b.Below, b.Count, bar), " ")+"\n"...)
	}
	return out
}
