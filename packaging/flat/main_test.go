package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// project writes files into a directory, which becomes the current one.
func project(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLinksLeadToTheFilesInTheDirectory(t *testing.T) {
	project(t, map[string]string{
		"a/README.md": "# The *first* `page`\n\n[b](../b/other.md#x_y-ä) ![d](p/d.svg) [gone](../gone.md) [w](https://x.org/y) " +
			"[s](#z) [r](../../../releases) [n](nodes.md#z) [o_t_h.md](../b/o_t_h.md)\n\n## [z](../gone.md)\n\n## z\n\n| a | b |\n|---|---|\n| `c\\|d` | e |\n",
		"b/o_t_h.md":   "# o\n",
		"b/other.md":   "<!-- a comment -->\n\n# Other\n\n## x_y: (ä)\n\n`[c](../gone.md)`\n",
		"a/p/d.svg":    "<svg>\n</svg>\n",
		"a/nodes.md":   "# Nodes\n",
		"a/nodes.html": "<p>\r\nnodes\n",
		"x.bin":        "\x00\n",
	})
	files := []string{"a/README.md", "b/o_t_h.md", "b/other.md", "a/p/d.svg", "a/nodes.md", "a/nodes.html", "x.bin"}
	if err := os.Mkdir("out", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := flatten("out", files); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join("out", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	page := read("README.html")
	for _, part := range []string{
		"<title>The first page</title>", `<a href="other.html#x_y-%C3%A4">b</a> <img src="d.svg" alt="d"> gone <a href="https://x.org/y">w</a>`,
		`<a href="#z">s</a> r <a href="nodes.html#z">n</a> <a href="o_t_h.html">o_t_h.html</a>`, `<h2 id="z">z</h2>`, `<h2 id="z-1">z</h2>`, "<td><code>c|d</code></td>",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("README.html lacks %s:\n%s", part, page)
		}
	}
	if strings.Count(page, "\n") != strings.Count(page, "\r\n") {
		t.Error("a line of README.html ends with LF alone")
	}
	if other := read("other.html"); !strings.Contains(other, `<h2 id="x_y-ä">`) || !strings.Contains(other, "<code>[c](../gone.md)</code>") {
		t.Errorf("other.html: %s", other)
	}
	if read("nodes.html") != "<p>\r\nnodes\r\n" || read("d.svg") != "<svg>\r\n</svg>\r\n" || read("x.bin") != "\x00\n" {
		t.Errorf("%q, %q, %q", read("nodes.html"), read("d.svg"), read("x.bin"))
	}
}

func TestWhatCannotBeFlat(t *testing.T) {
	project(t, map[string]string{"a/README.md": "# A\n", "b/README.md": "# B\n", "c.md": "# C\n\n| a<br>b <img src=x> |\n|---|\n", "d.md": "<p>d</p>\n"})
	for want, files := range map[string][]string{
		"a/README.md and b/README.md would both be README.html": {"a/README.md", "b/README.md"},
		"x.txt and b/X.txt would both be X.txt":                 {"x.txt", "b/X.txt"},
		"c.md: has <img src=x>; write its links in Markdown":    {"c.md"},
		"none.md": {"none.md"},
	} {
		if err := flatten(t.TempDir(), files); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", files, err, want)
		}
	}
}
