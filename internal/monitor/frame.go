package monitor

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// Frame is what a browser gets: the state of a model, with the points of one run. The page
// and programs read it as JSON; docs/how-to/watch-a-run.md describes it.
type Frame struct {
	Version     int         `json:"version"`
	Title       string      `json:"title"`
	State       string      `json:"state"`
	Problem     string      `json:"problem"`
	Damaged     int         `json:"damaged"`
	Now         stamp       `json:"now"`
	Runs        []RunLine   `json:"runs"`
	Run         *RunFrame   `json:"run"`
	Errors      Errors      `json:"errors"`
	Connections Connections `json:"connections"`
}

// RunLine is a run in the list of them.
type RunLine struct {
	Number       int    `json:"number"`
	Title        string `json:"title"`
	Began        stamp  `json:"began"`
	Measurements int64  `json:"measurements"`
}

// RunFrame is a run with its points.
type RunFrame struct {
	Number       int            `json:"number"`
	Began        stamp          `json:"began"`
	Last         stamp          `json:"last"`
	Elapsed      float64        `json:"elapsed_s"`
	Measurements int64          `json:"measurements"`
	Rate         float64        `json:"rate"`
	Settings     []Name         `json:"settings"`
	Channels     []Name         `json:"channels"`
	Parameters   []Name         `json:"parameters"`
	From         int64          `json:"from"`
	To           int64          `json:"to"`
	Points       MeasuredPoints `json:"points"`
	Chosen       ChosenPoints   `json:"chosen"`
	Estimates    EstimatePoints `json:"estimates"`
	Latest       latest         `json:"latest"`
	Trust        *Trust         `json:"trust"`
}

// MeasuredPoints are measurements; Settings, Values and Sigma have an array for each knob or
// channel.
type MeasuredPoints struct {
	Number   []int64 `json:"number"`
	Settings []cells `json:"settings"`
	Values   []cells `json:"values"`
	Sigma    []cells `json:"sigma"`
}

// ChosenPoints are settings that the server chose, with the number of the measurement that
// follows.
type ChosenPoints struct {
	Number   []int64 `json:"number"`
	Settings []cells `json:"settings"`
}

// EstimatePoints are estimates of the parameters after a number of measurements.
type EstimatePoints struct {
	Number []int64 `json:"number"`
	Mean   []cells `json:"mean"`
	Std    []cells `json:"std"`
}

// Errors are the errors that occurred.
type Errors struct {
	Count int64    `json:"count"`
	Last  *Failure `json:"last"`
}

// Connections are the connections of the clients.
type Connections struct {
	Open  *int64 `json:"open"`
	Total int64  `json:"total"`
	Peers []Peer `json:"peers"`
}

// Peer is a host with clients.
type Peer struct {
	Peer     string `json:"peer"`
	Messages int64  `json:"messages"`
	Last     stamp  `json:"last"`
}

// maxPeers is how many peers a frame has.
const maxPeers = 20

// frameVersion is that of Frame. Members are only added.
const frameVersion = 1

// cells are numbers, of which those that are not finite are null in JSON.
type cells []float64

// MarshalJSON returns the numbers as JSON.
func (c cells) MarshalJSON() ([]byte, error) {
	text := make([]byte, 0, 2+12*len(c))
	text = append(text, '[')
	for i, v := range c {
		if i > 0 {
			text = append(text, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			text = append(text, "null"...)
		} else {
			text = strconv.AppendFloat(text, v, 'g', -1, 64)
		}
	}
	return append(text, ']'), nil
}

// stamp is a time in UTC, with milliseconds.
type stamp time.Time

// MarshalText returns the time as JavaScript reads it.
func (s stamp) MarshalText() ([]byte, error) {
	return time.Time(s).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z"), nil
}

// ErrNoRun reports a run that does not exist.
type ErrNoRun struct{ Number, Begun int }

func (e *ErrNoRun) Error() string {
	switch {
	case e.Begun == 0:
		return "no run has begun so far"
	case e.Number <= e.Begun:
		return fmt.Sprintf("run %d is not kept any more: only the last %d are", e.Number, maxRuns)
	}
	return fmt.Sprintf("there is no run %d: the last one has the number %d", e.Number, e.Begun)
}

// Frame returns what a query asks for. If there is no such run, it returns an *ErrNoRun.
func (m *Model) Frame(q Query) (*Frame, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := &Frame{
		Version: frameVersion, Title: m.title, State: "live", Problem: m.problem, Damaged: m.damaged, Now: stamp(time.Now()),
		Runs: make([]RunLine, 0, len(m.runs)), Errors: Errors{m.errors, m.lastError},
		Connections: Connections{Total: m.established, Peers: []Peer{}},
	}
	switch {
	case m.ended:
		f.State = "ended"
	case m.messages == 0:
		f.State = "waiting"
	}
	for _, r := range m.runs {
		f.Runs = append(f.Runs, RunLine{r.number, r.server.title(), stamp(r.began), r.measurements})
	}
	if m.connections != nil {
		open, total := m.connections()
		f.Connections.Open, f.Connections.Total = &open, total
	}
	for c := range m.clients.all {
		if f.Connections.Peers = append(f.Connections.Peers, Peer{c.host, c.messages, stamp(c.last)}); len(f.Connections.Peers) == maxPeers {
			break
		}
	}
	r, err := m.find(q.Run)
	if err != nil {
		return nil, err
	}
	if r != nil {
		f.Run = r.frame(q, time.Since(m.made))
	}
	return f, nil
}

// find returns a run, or nil if it is the latest one and none has begun.
func (m *Model) find(number int) (*run, error) {
	count := len(m.runs)
	if number == 0 && count == 0 {
		return nil, nil
	}
	i := count - 1
	if number > 0 {
		i = number - 1 - (m.begun - count)
	}
	if i < 0 || i >= count {
		return nil, &ErrNoRun{number, m.begun}
	}
	return m.runs[i], nil
}

func (s *server) title() string {
	if s.description == nil {
		return ""
	}
	return s.description.title
}

func (r *run) frame(q Query, now time.Duration) *RunFrame {
	from, to := max(q.From, 1), r.measurements
	if q.To > 0 {
		to = min(to, q.To)
	}
	f := &RunFrame{
		Number: r.number, Began: stamp(r.began), Last: stamp(r.last), Elapsed: max(0, r.last.Sub(r.began).Seconds()),
		Measurements: r.measurements, Rate: r.rate.perSecond(now), From: from, To: to, Latest: r.latest, Trust: r.trust,
	}
	f.Settings, f.Channels, f.Parameters = r.names()
	knobs, channels, parameters := len(f.Settings), len(f.Channels), len(f.Parameters)
	begin, end := r.measured.between(from, to)
	number, groups := r.measured.selection(r.measured.pick(begin, end, q.Points))
	f.Points = MeasuredPoints{number, padded(groups[settingsGroup], knobs, number), padded(groups[valuesGroup], channels, number), padded(groups[sigmaGroup], channels, number)}

	// The setting of the measurement that follows the last one belongs to a range without an end.
	after := to
	if q.To == 0 {
		after++
	}
	begin, end = r.chosen.between(from, after)
	number, groups = r.chosen.selection(r.chosen.pick(begin, end, q.Points))
	f.Chosen = ChosenPoints{number, padded(groups[settingsGroup], knobs, number)}

	// So do estimates before the first measurement.
	if q.From == 0 {
		from = 0
	}
	begin, end = r.estimates.between(from, to)
	number, groups = r.estimates.selection(r.estimates.pick(begin, end, q.Points))
	f.Estimates = EstimatePoints{number, padded(groups[meanGroup], parameters, number), padded(groups[stdGroup], parameters, number)}
	return f
}

// padded returns a group with a number of columns, of which those that it lacks are NaN.
func padded(group []cells, columns int, rows []int64) []cells {
	for len(group) < columns {
		group = append(group, slices.Repeat(cells{math.NaN()}, len(rows)))
	}
	return group
}

// names returns the names and units of the settings, the values and the parameters of a run.
func (r *run) names() (settings, channels, parameters []Name) {
	d := r.server.description
	if d == nil {
		d = &description{}
	}
	knobs := max(len(r.measured.groups[settingsGroup]), len(r.chosen.groups[settingsGroup]))
	estimated := max(len(r.estimates.groups[meanGroup]), len(r.estimates.groups[stdGroup]))
	return namesOf(d.settings, knobs, "x"), namesOf(d.channels, len(r.measured.groups[valuesGroup]), "y"),
		namesOf(d.parameters, estimated, "parameter")
}
