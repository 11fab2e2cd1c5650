package monitor

import (
	"strconv"

	"libobe/internal/excerpt"
	"libobe/internal/jsondoc"
)

// Name is the name and the unit of a series.
type Name struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
}

// description is the reply of describe: the names and units of what a server works with.
type description struct {
	title                          string
	settings, channels, parameters []Name
}

// Trust is what a server says of its posterior, in the reply of describe.
type Trust struct {
	Measurements int64    `json:"measurements"` // of the run, when the server said so
	Trusted      bool     `json:"trusted"`
	Warnings     []string `json:"warnings"`
}

// maxWarnings is how many warnings are kept.
const maxWarnings = 10

// trustIn returns what the reply of describe says of the posterior, or nil if it says nothing.
func trustIn(reply []byte) *Trust {
	d := jsondoc.FromValid(reply)
	trusted, err := d.Bool("/trusted")
	if err != nil {
		return nil
	}
	t := &Trust{Trusted: trusted, Warnings: []string{}}
	count, _ := d.Count("/warnings")
	for i := 0; i < count && len(t.Warnings) < maxWarnings; i++ {
		if text, err := d.String("/warnings/" + strconv.Itoa(i)); err == nil {
			t.Warnings = append(t.Warnings, excerpt.Cut(text, maxText))
		}
	}
	return t
}

// maxName is how many bytes of a name, a unit or a title are kept.
const maxName = 120

// parseDescription reads the reply of describe. It ignores what it does not know.
func parseDescription(reply []byte) *description {
	d := jsondoc.FromValid(reply)
	if kind, err := d.Type(""); err != nil || kind != jsondoc.Object {
		return nil
	}
	return &description{
		title:      textAt(d, "/title"),
		settings:   namesAt(d, "/settings", maxSettings),
		channels:   namesAt(d, "/channels", maxChannels),
		parameters: namesAt(d, "/parameters", maxParameters),
	}
}

func textAt(d *jsondoc.Document, pointer string) string {
	text, _ := d.String(pointer)
	return excerpt.Cut(text, maxName)
}

func namesAt(d *jsondoc.Document, pointer string, most int) (names []Name) {
	count, _ := d.Count(pointer)
	if kind, err := d.Type(pointer); err != nil || kind != jsondoc.Array {
		return nil
	}
	for i := range min(count, most) {
		at := pointer + "/" + strconv.Itoa(i)
		names = append(names, Name{textAt(d, at+"/name"), textAt(d, at+"/unit")})
	}
	return names
}

// namesOf returns names for a number of series: those of a description, and default ones.
func namesOf(described []Name, count int, standard string) []Name {
	names := []Name{}
	for i := range count {
		var name Name
		if i < len(described) {
			name = described[i]
		}
		if name.Name == "" {
			name.Name = standard
			if count > 1 || standard == "parameter" {
				name.Name += " " + strconv.Itoa(i+1)
			}
		}
		names = append(names, name)
	}
	return names
}
