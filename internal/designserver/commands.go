package designserver

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"libobe/internal/designer"
	"libobe/internal/experiment"
	"libobe/internal/jsondoc"
)

// maxNumbers is how many numbers a reply can have. With 21 bytes for each, as usual, the reply is as large as a client of
// the library accepts by default, 64 MiB.
const maxNumbers = 3_000_000

// commands are what a Server executes, with the names, members and replies of the Python original. getpdf, which its
// documentation does not have, is another name of getpar there too; describe is an addition.
var commands map[string]func(s *Server, request *jsondoc.Document) ([]byte, error)

// names are those of the commands, in alphabetical order.
var names []string

func init() { // because the commands refer to their names
	commands = map[string]func(s *Server, request *jsondoc.Document) ([]byte, error){
		"ready":    (*Server).ok,
		"done":     (*Server).ok,
		"newrun":   (*Server).newRun,
		"optset":   func(s *Server, _ *jsondoc.Document) ([]byte, error) { return s.setting(choice{best: true}) },
		"goodset":  (*Server).goodSet,
		"newdat":   (*Server).newData,
		"getmean":  func(s *Server, _ *jsondoc.Document) ([]byte, error) { return list(s.designer.Mean()) },
		"getstd":   func(s *Server, _ *jsondoc.Document) ([]byte, error) { return list(s.designer.Std()) },
		"getcov":   func(s *Server, _ *jsondoc.Document) ([]byte, error) { return rows(s.designer.Cov()) },
		"getpar":   (*Server).particles,
		"getpdf":   (*Server).particles,
		"getwgt":   func(s *Server, _ *jsondoc.Document) ([]byte, error) { return list(s.designer.Weights()) },
		"getset":   (*Server).settings,
		"getcon":   (*Server).constants,
		"describe": (*Server).describe,
	}
	names = slices.Sorted(maps.Keys(commands))
}

// Names returns the names of the commands, in alphabetical order.
func Names() []string { return slices.Clone(names) }

func (s *Server) ok(*jsondoc.Document) ([]byte, error) { return []byte(`"OK"`), nil }

func list(values []float64) ([]byte, error) {
	if len(values) > maxNumbers {
		return nil, tooMany(len(values))
	}
	return jsondoc.AppendDoubles(nil, values), nil
}

func rows(values [][]float64) ([]byte, error) {
	if n := len(values) * len(values[0]); n > maxNumbers {
		return nil, tooMany(n)
	}
	return jsondoc.AppendMatrix(nil, slices.Concat(values...), len(values), len(values[0])), nil
}

func tooMany(n int) error {
	return fmt.Errorf("the reply would have %d numbers, and can have at most %d", n, maxNumbers)
}

// newRun begins a run with the numbers of the file, except those that the request replaces.
func (s *Server) newRun(request *jsondoc.Document) ([]byte, error) {
	text, err := request.JSON("")
	if err != nil {
		return nil, err
	}
	e, err := s.file.Override(text)
	if err != nil {
		return nil, oneLine(err)
	}
	untouched := !s.asked && s.designer.Measurements() == 0
	if err := s.begin(e); err != nil {
		return nil, err
	}
	if untouched { // the run that began with the server was none
		s.run--
	}
	s.asked, s.again = true, nil
	return s.ok(request)
}

// oneLine is the text of mistakes for a client, which may show it in one line.
func oneLine(err error) error {
	var all *experiment.Mistakes
	if !errors.As(err, &all) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
}

func (s *Server) goodSet(request *jsondoc.Document) ([]byte, error) {
	pickiness := s.now.Design.Pickiness
	given, err := numbers(request, "pickiness", 1)
	if err != nil {
		return nil, err
	}
	if given != nil {
		pickiness = given[0]
	}
	return s.setting(choice{pickiness: pickiness})
}

// setting answers a request for a setting.
func (s *Server) setting(c choice) ([]byte, error) {
	x := s.ahead
	s.ahead, s.measured = nil, false
	if x == nil || *s.last != c {
		var err error
		if x, err = s.choose(c); err != nil {
			return nil, err
		}
	}
	s.last = &c
	return list(x)
}

func (s *Server) newData(request *jsondoc.Document) ([]byte, error) {
	if s.repeats(request) {
		return s.ok(request)
	}
	var m designer.Measurement
	reported := slices.ContainsFunc(s.now.Channels, func(c experiment.Channel) bool { return c.Noise.Kind == experiment.ReportedNoise })
	for _, member := range []struct {
		name     string
		values   *[]float64
		of       string // what has a number each
		each     []string
		required bool
	}{
		{"x", &m.X, "setting", settingNames(s.now), true},
		{"y", &m.Y, "channel", channelNames(s.now), true},
		{"s", &m.S, "channel", channelNames(s.now), reported},
	} {
		values, err := numbers(request, member.name, len(member.each))
		if size := (*countError)(nil); errors.As(err, &size) {
			return nil, fmt.Errorf("%w: one for each %s (%s)", size, member.of, strings.Join(member.each, ", "))
		}
		if err != nil {
			return nil, err
		}
		if values == nil && member.required {
			return nil, fmt.Errorf("%s is missing: a number for each %s (%s)%s", member.name, member.of, strings.Join(member.each, ", "),
				map[bool]string{true: "; the file of the experiment says that the noise is reported with each measurement"}[member.name == "s"])
		}
		*member.values = values
	}
	if err := s.designer.Add(m); err != nil {
		return nil, err
	}
	s.ahead, s.measured = nil, true
	return s.ok(request)
}

func settingNames(e *experiment.Experiment) (names []string) {
	for _, x := range e.Settings {
		names = append(names, x.Name)
	}
	return names
}

func channelNames(e *experiment.Experiment) (names []string) {
	for _, c := range e.Channels {
		names = append(names, c.Name)
	}
	return names
}

func (s *Server) particles(*jsondoc.Document) ([]byte, error) { return rows(s.designer.Particles()) }

func (s *Server) settings(*jsondoc.Document) ([]byte, error) {
	count, _ := s.designer.Settings()
	knobs := len(s.now.Settings)
	if count*knobs > maxNumbers {
		return nil, fmt.Errorf("%w; describe has the ranges of the settings", tooMany(count*knobs))
	}
	values, x := make([]float64, knobs*count), make([]float64, knobs)
	for i := range count {
		s.designer.Setting(i, x)
		for k, v := range x {
			values[k*count+i] = v
		}
	}
	return jsondoc.AppendMatrix(nil, values, knobs, count), nil
}

func (s *Server) constants(*jsondoc.Document) ([]byte, error) {
	values := make([]float64, 0, len(s.now.Constants))
	for _, c := range s.now.Constants {
		values = append(values, c.Value)
	}
	return list(values)
}
