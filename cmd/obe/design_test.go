package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"libobe/internal/systemtest"
)

const lorentzianFile = "../../examples/experiments/lorentzian.toml"

func TestDesignCheck(t *testing.T) {
	got := obe(t, "", "design", "--check", lorentzianFile)
	if want := `A Lorentzian dip

knob       from  to   values       unit  description
frequency  1.5   3.5  200, linear  GHz   frequency of the microwaves

parameter  prior                      unit  description
centre     uniform from 1.5 to 3.5    GHz   frequency of the resonance
depth      uniform from 0.02 to 0.1         depth of the dip, as a share of the fluorescence
width      uniform from 0.01 to 0.05  GHz   full width at half depth

channel  noise                      unit  description
signal   as reported, 0.005 before

200 settings, 10000 particles, a new seed for each run, 60 draws for each, pickiness 4
`; got.stdout != want || got.status != exitOK || got.stderr != "" {
		t.Errorf("%s%s", got.stdout, got.stderr)
	}
}

func TestDesignMistakes(t *testing.T) {
	directory := systemtest.TempDir(t)
	write := func(name, text string) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text, err := os.ReadFile(lorentzianFile)
	if err != nil {
		t.Fatal(err)
	}
	bad := write("bad.toml", strings.NewReplacer("- centre)", "- centr)", "steps = 200", "steps = 1").Replace(string(text)))
	got := obe(t, "", "design", "--check", bad)
	want := "obe design: " + bad + ":16:9: settings.frequency.steps: must be a whole number from 2 to 1000000, and not 1\n" +
		bad + `:45:42: model.signal: unknown name "centr"; did you mean "centre"?` + "\n"
	if got.stdout != "" || got.stderr != want || got.status != exitUsage {
		t.Errorf("%+v\nwant %s", got, want)
	}

	infinite := write("infinite.toml", strings.Replace(string(text), "1 - depth", "log(depth - 0.06)", 1))
	got = obe(t, "", "design", "--check", infinite)
	if got.status != exitOK || !strings.Contains(got.stderr, "model.signal is infinite or not a number for about 50 %") {
		t.Errorf("%+v", got)
	}

	for change, want := range map[string]string{
		"0 / 0 * (1 - depth)":     "infinite.toml: model.signal was infinite or not a number at all settings and guesses that were tried",
		"log(depth - 0.0201) * 1": "for about 99 %",
	} {
		infinite = write("infinite.toml", strings.NewReplacer("1 - depth", change, "max = 0.1\n", "max = 0.0201004\n").Replace(string(text)))
		if got = obe(t, "", "design", "--check", infinite); got.status != exitOK || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: %+v", change, got)
		}
	}

	hostile := write("hostile.toml", "title = \"\x1b[31m\"\n\"\\u001b[2J\" = 1\n")
	if got = obe(t, "", "design", "--check", hostile); got.status != exitUsage || strings.Contains(got.stdout+got.stderr, "\x1b") {
		t.Errorf("%+v", got)
	}
	hostile = write("title.toml", "title = \"\\u001b[31m\"\n"+strings.Replace(string(text), `title = "A Lorentzian dip"`, "", 1))
	if got = obe(t, "", "design", "--check", hostile); got.status != exitOK || strings.Contains(got.stdout, "\x1b") {
		t.Errorf("%+v", got)
	}

	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--check"}, "an argument is missing: obe design FILE"},
		{[]string{"--check", "no such file"}, "cannot read the experiment no such file: "},
		{[]string{"--check", directory}, "cannot read the experiment " + directory + ": "},
		{[]string{"--check", lorentzianFile, "--plot", ""}, "--plot is empty"},
		{[]string{"--check", lorentzianFile, "--plot", "figure.pdf"}, "--plot: the name of a figure ends in .svg or .png"},
	} {
		if got := obe(t, "", append([]string{"design"}, c.args...)...); got.status != exitUsage || !strings.Contains(got.stderr, c.want) {
			t.Errorf("%q: %+v", c.args, got)
		}
	}
}

func TestDesignPlot(t *testing.T) {
	directory := systemtest.TempDir(t)
	for name, begin := range map[string]string{"a.svg": "<?xml", "b.PNG": "\x89PNG"} {
		path := filepath.Join(directory, name)
		got := obe(t, "", "design", "--check", lorentzianFile, "--plot", path)
		picture, err := os.ReadFile(path)
		if got.status != exitOK || err != nil || !strings.HasPrefix(string(picture), begin) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	got := obe(t, "", "design", "--check", lorentzianFile, "--plot", filepath.Join(directory, "none", "c.svg"))
	if got.status != exitAnswer || !strings.Contains(got.stderr, "--plot: open ") || got.stdout == "" {
		t.Errorf("%+v", got)
	}
}
