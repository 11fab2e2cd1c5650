package designserver

import (
	"bytes"
	"encoding/json"

	"libobe/internal/experiment"
	"libobe/internal/jsondoc"
)

// state is what a description says of the run.
type state struct {
	Run          int      `json:"run"`
	Measurements int      `json:"measurements"`
	Trusted      bool     `json:"trusted"`
	Warnings     []string `json:"warnings"`
}

func (s *Server) state() state {
	status := s.designer.Status()
	return state{s.run, status.Measurements, status.Trusted, append([]string{}, status.Warnings...)}
}

// describe answers names, units and ranges, and whether the posterior can be trusted.
func (s *Server) describe(*jsondoc.Document) ([]byte, error) {
	return jsonOf(struct {
		experiment.Description
		state
	}{s.now.Describe(), s.state()})
}

// A named is what has a name and perhaps a unit.
type named struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
}

// Summary returns what programs that show a run need of the reply to describe. It is short, also of an experiment with
// long lists and texts.
func (s *Server) Summary() []byte {
	summary := struct {
		Title      string  `json:"title"`
		Settings   []named `json:"settings"`
		Channels   []named `json:"channels"`
		Parameters []named `json:"parameters"`
		state
	}{Title: s.now.Title, state: s.state()}
	for _, x := range s.now.Settings {
		summary.Settings = append(summary.Settings, named{x.Name, x.Unit})
	}
	for _, c := range s.now.Channels {
		summary.Channels = append(summary.Channels, named{c.Name, c.Unit})
	}
	for _, p := range s.now.Parameters {
		summary.Parameters = append(summary.Parameters, named{p.Name, p.Unit})
	}
	text, _ := jsonOf(summary) // it has only texts and whole numbers
	return text
}

func jsonOf(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(text.Bytes()), nil
}
