package monitor

import "time"

const (
	rateBin  = 250 * time.Millisecond
	rateBins = 20
	// rateTime is how long ago a measurement still counts for the rate.
	rateTime = rateBins * rateBin
	// minRateTime is the shortest time that a rate is calculated for.
	minRateTime = time.Second
)

// rate counts measurements by the time at which they came, not by the time in the trace: the
// clock of another machine may be wrong. Times are those since the program began, which only
// grow: the clock of this machine may be set back.
type rate struct {
	counts  [rateBins]int
	newest  int64 // the number of the bin of the last measurement
	isBegun bool
	first   time.Duration
}

func binOf(now time.Duration) int64 { return int64(now / rateBin) }

func (r *rate) add(now time.Duration) {
	if !r.isBegun {
		r.isBegun, r.first = true, now
	}
	bin := binOf(now)
	for r.newest = max(r.newest, bin-rateBins); r.newest < bin; {
		r.newest++
		r.counts[r.newest%rateBins] = 0
	}
	r.counts[bin%rateBins]++
}

// perSecond returns the measurements a second.
func (r *rate) perSecond(now time.Duration) float64 {
	total, bin := 0, binOf(now)
	for i := max(bin-rateBins+1, r.newest-rateBins+1, 0); i <= r.newest; i++ {
		total += r.counts[i%rateBins]
	}
	if total == 0 {
		return 0
	}
	return float64(total) / min(rateTime, max(minRateTime, now-r.first)).Seconds()
}
