package monitor

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"libobe/internal/trace"
)

// FuzzModel feeds arbitrary lines, as a trace has them, and looks at the frames.
func FuzzModel(f *testing.F) {
	line := func(role, direction, body string) string {
		return `{"time":"2026-03-04T05:06:07.123456Z","pid":1,"role":"` + role + `","direction":"` + direction +
			`","peer":"127.0.0.1:40000","local":"127.0.0.1:61981","size":1,"duration_ms":0.1,"body":` + body + "}\n"
	}
	exchange := func(command, reply string) string {
		return line("proxy", "received", command) + line("proxy", "sent", reply)
	}
	const first = `{"trace":"obe","version":1,"time":"2026-03-04T05:06:07.123456Z","pid":1}` + "\n"
	f.Add([]byte(first+exchange(`{"command": "newrun"}`, ok)+exchange(`{"command": "newdat", "x": [1, [NaN]], "y": 1e999, "s": null}`, ok)), 0, 100)
	f.Add([]byte(first+exchange(`{"command": "getmean"}`, `[1, Infinity]`)+exchange(`{"command": "getstd"}`, `[[[]]]`)), 1, 20000)
	f.Add([]byte(first+exchange(`{"command": "describe"}`, `{"title": "\ud800", "settings": [{"name": "="}]}`)+exchange(`{"command": "newdat"}`, ok)), 0, 100)
	f.Add([]byte(first+exchange(`{"command": "optset"}`, `{"error": ["why"]}`)+"{\x00\n"+line("client", "sent", `"newrun"`)), 0, 100)
	f.Add([]byte(line("server", "received", `{"command": "newdat", "x": 1}`)+line("client", "received", ok)+line("server", "sent", ok)), 0, 100)
	directory := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte, number, points int) {
		path := filepath.Join(directory, "run.jsonl")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		reader, err := trace.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		m := New("", nil)
		for {
			entry, err := reader.Next()
			if err != nil {
				if err != io.EOF {
					m.End(err)
				}
				break
			}
			m.Add(entry, true)
		}
		points = MinPoints + min(max(points, 0), MaxPoints-MinPoints)
		for _, q := range []Query{{Points: points}, {Run: number, Points: points}, {From: 2, To: 3, Points: points}} {
			frame, err := m.Frame(q)
			if err != nil {
				continue
			}
			written, err := json.Marshal(frame)
			if err != nil || !json.Valid(written) {
				t.Fatalf("%s, %v", written, err)
			}
			if frame.Run != nil {
				checkRun(t, frame.Run, points)
			}
		}
		if e, err := m.export(0); err == nil {
			for range e.all(t.Context(), &sync.Mutex{}) {
			}
		}
	})
}

// checkRun checks that the arrays of a run fit together.
func checkRun(t *testing.T, r *RunFrame, points int) {
	t.Helper()
	fits := func(number []int64, columns int, groups ...[]cells) {
		t.Helper()
		if len(number) > points {
			t.Errorf("%d points of %d", len(number), points)
		}
		for _, group := range groups {
			if len(group) != columns {
				t.Errorf("%d columns of %d", len(group), columns)
			}
			for _, c := range group {
				if len(c) != len(number) {
					t.Errorf("%d cells of %d", len(c), len(number))
				}
			}
		}
	}
	fits(r.Points.Number, len(r.Settings), r.Points.Settings)
	fits(r.Points.Number, len(r.Channels), r.Points.Values, r.Points.Sigma)
	fits(r.Chosen.Number, len(r.Settings), r.Chosen.Settings)
	fits(r.Estimates.Number, len(r.Parameters), r.Estimates.Mean, r.Estimates.Std)
}
