package simulate

import (
	"fmt"
	"strconv"
	"strings"

	"libobe/internal/excerpt"
	"libobe/internal/experiment"
	"libobe/internal/jsondoc"
)

// Description is what a server says about itself in the reply to describe. Every member of that is optional.
type Description struct {
	settings, channels, parameters []label
	seeded                         bool // newrun has a member seed: the server works with the file of an experiment

	// Measurements is how many the run has, or -1 if the server does not say.
	Measurements int
	// Untrusted says that the server does not trust its estimates; Warnings are its reasons.
	Untrusted bool
	Warnings  []string
}

// label is a name and its unit, each "" if it is not described.
type label struct{ name, unit string }

// parseDescription returns nil for a reply that is not a description.
func parseDescription(reply []byte) *Description {
	doc := jsondoc.FromValid(reply)
	if kind, err := doc.Type(""); err != nil || kind != jsondoc.Object {
		return nil
	}
	if kind, err := doc.Type("/error"); err == nil && kind != jsondoc.Null {
		return nil
	}
	d := &Description{settings: labels(doc, "/settings"), channels: labels(doc, "/channels"), parameters: labels(doc, "/parameters"), Measurements: -1}
	_, err := doc.Int("/draws") // a field of the file of an experiment, which no other server has
	d.seeded = err == nil
	if n, err := doc.Int("/measurements"); err == nil {
		d.Measurements = int(n)
	}
	if trusted, err := doc.Bool("/trusted"); err == nil {
		d.Untrusted = !trusted
	}
	for i := range length(doc, "/warnings") {
		if text, err := doc.String("/warnings/" + strconv.Itoa(i)); err == nil {
			d.Warnings = append(d.Warnings, excerpt.Cut(text, maxWarning))
		}
	}
	return d
}

// maxWarning is how many bytes of a reason are kept.
const maxWarning = 1000

// maxLabels is how many elements of a list are read: more than an experiment can have.
const maxLabels = 1000

func length(doc *jsondoc.Document, pointer string) int {
	if kind, err := doc.Type(pointer); err != nil || kind != jsondoc.Array {
		return 0
	}
	n, _ := doc.Count(pointer)
	return min(n, maxLabels)
}

func labels(doc *jsondoc.Document, pointer string) (all []label) {
	for i := range length(doc, pointer) {
		at := pointer + "/" + strconv.Itoa(i)
		name, _ := doc.String(at + "/name")
		unit, _ := doc.String(at + "/unit")
		all = append(all, label{name, unit})
	}
	return all
}

// MismatchError says in what a server and the file of an experiment differ.
type MismatchError struct{ Differences []string }

func (e *MismatchError) Error() string {
	return "the server has another experiment: " + strings.Join(e.Differences, "; ")
}

// compare returns a *MismatchError if a server has another experiment.
func (d *Description) compare(e *experiment.Experiment) error {
	var parameters []label
	for _, p := range e.Parameters {
		parameters = append(parameters, label{p.Name, p.Unit})
	}
	return mismatch(append(d.measuresOther(e), differences("parameters", parameters, d.parameters)...))
}

// MeasuredOther returns in what the measurements of a server, whose reply to describe is given, differ from those of an
// experiment: in the settings and in the channels. The parameters may differ, since they are only what is estimated.
func MeasuredOther(reply []byte, e *experiment.Experiment) []string {
	if d := parseDescription(reply); d != nil {
		return d.measuresOther(e)
	}
	return nil
}

func (d *Description) measuresOther(e *experiment.Experiment) []string {
	var settings, channels []label
	for _, s := range e.Settings {
		settings = append(settings, label{s.Name, s.Unit})
	}
	for _, c := range e.Channels {
		channels = append(channels, label{c.Name, c.Unit})
	}
	return append(differences("settings", settings, d.settings), differences("channels", channels, d.channels)...)
}

func mismatch(differences []string) error {
	if len(differences) == 0 {
		return nil
	}
	return &MismatchError{differences}
}

// differences compares what both sides say. Nothing that the server does not describe is a difference.
func differences(kind string, file, server []label) []string {
	if server == nil {
		return nil
	}
	same := len(file) == len(server)
	for i := 0; same && i < len(file); i++ {
		same = server[i].name == "" || server[i].name == file[i].name
	}
	if !same {
		return []string{fmt.Sprintf("its %s are %s, and those of the file are %s", kind, names(server), names(file))}
	}
	for i, l := range server {
		if l.unit != "" && file[i].unit != "" && l.unit != file[i].unit {
			return []string{fmt.Sprintf("%s is in %s there and in %s in the file", file[i].name, excerpt.Quote(l.unit), excerpt.Quote(file[i].unit))}
		}
	}
	return nil
}

func names(all []label) string {
	texts := make([]string, len(all))
	for i, l := range all {
		if texts[i] = excerpt.Message(l.name); l.name == "" {
			texts[i] = "one without a name"
		}
	}
	if len(texts) == 0 {
		return "none"
	}
	return strings.Join(texts, ", ")
}
