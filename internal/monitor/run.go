package monitor

import "time"

// How many numbers of each kind a run shows: with the extremes of all of them, MinPoints
// points still hold one part.
const (
	maxSettings   = 16
	maxChannels   = 32
	maxParameters = 24
)

// The groups of the tables of a run.
const (
	settingsGroup = iota
	valuesGroup
	sigmaGroup

	meanGroup = 0
	stdGroup  = 1
)

// run is what happened from one newrun of a server to the next.
type run struct {
	number       int
	server       *server
	began, last  time.Time
	measurements int64
	latest       latest // also when its row is left out
	rate         rate
	trust        *Trust // nil: the server has not said
	isDropped    bool   // newer ones took its place

	measured  table // settings, values, sigma
	chosen    table // settings
	estimates table // mean, std
}

// latest is the last of each.
type latest struct {
	Settings cells `json:"settings"`
	Values   cells `json:"values"`
	Sigma    cells `json:"sigma"`
	Mean     cells `json:"mean"`
	Std      cells `json:"std"`
}

func newRun(s *server, began time.Time) *run {
	return &run{
		server: s, began: began, last: began,
		latest:   latest{cells{}, cells{}, cells{}, cells{}, cells{}},
		measured: newTable(3, 2), chosen: newTable(1, 1), estimates: newTable(2, 2),
	}
}

// size returns how many numbers the tables have.
func (r *run) size() int { return r.measured.size() + r.chosen.size() + r.estimates.size() }

func (r *run) tables() []*table { return []*table{&r.measured, &r.chosen, &r.estimates} }

func (r *run) measure(settings, values, sigma []float64) {
	if len(sigma) == 1 { // one for all values
		for len(sigma) < len(values) {
			sigma = append(sigma, sigma[0])
		}
	}
	sigma = sigma[:min(len(sigma), len(values))]
	r.measurements++
	r.measured.add(r.measurements, settings, values, sigma)
	r.latest.Settings, r.latest.Values, r.latest.Sigma = nonNil(settings), nonNil(values), nonNil(sigma)
}

func (r *run) choose(settings []float64) { r.chosen.add(r.measurements+1, settings) }

// estimate keeps a mean or a standard deviation. The two after the same measurement are one
// estimate, and of several the last one counts.
func (r *run) estimate(group int, estimated []float64) {
	t := &r.estimates
	if n := t.rows(); n > 0 && t.number[n-1] == r.measurements {
		t.replaceLast(group, estimated)
	} else {
		rows := [][]float64{nil, nil}
		rows[group] = estimated
		t.add(r.measurements, rows...)
	}
	if group == meanGroup {
		r.latest.Mean = nonNil(estimated)
	} else {
		r.latest.Std = nonNil(estimated)
	}
}

// nonNil returns an empty array for none, which JSON tells apart.
func nonNil(c []float64) cells { return append(cells{}, c...) }
