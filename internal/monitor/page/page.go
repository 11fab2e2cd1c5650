// Package page is the page of obe watch: its files, as packaging/page has built them from
// src, page.css and index.html.
//
// It contains no server and knows nothing of runs; internal/monitor serves it. A program can
// be built without the page, because that needs npm: Files says so.
package page

import (
	"embed"
	"io/fs"
)

// dist always contains README.txt, so that this compiles before the page is built.
//
//go:embed dist
var embedded embed.FS

// Files returns the files of the page, with index.html at the top, and false if this program
// was built without them.
func Files() (fs.FS, bool) {
	files, err := fs.Sub(embedded, "dist")
	if err != nil {
		return nil, false
	}
	if _, err := fs.Stat(files, "index.html"); err != nil {
		return nil, false
	}
	return files, true
}
