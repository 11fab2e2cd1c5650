package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A function that is renamed, and a parameter that is, cannot stay in a picture.
func TestPicturesHaveNothingThatDoesNotExist(t *testing.T) {
	for _, change := range []struct {
		function, parameter string // the parameter to rename, or else the function
	}{
		{"obe_lv_newdat1", ""}, {"obe_lv_newdat1", "s"}, {"obe_lv_goodset_fetch", "x_cap"}, {"obe_lv_receive", "timeout_ms"}, {"obe_lv_abort", ""},
	} {
		lib, err := read(filepath.Join(project, "capi"))
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range slices.Concat(lib.LabVIEW, lib.LabVIEWExtra) {
			for i := range g.Functions {
				f := &g.Functions[i]
				if f.Name != change.function {
					continue
				}
				if change.parameter == "" {
					f.Name = "renamed"
				}
				for j := range f.Parameters {
					if f.Parameters[j].Name == change.parameter {
						f.Parameters[j].Name = "renamed"
					}
				}
			}
		}
		want := change.parameter
		if want == "" {
			want = change.function
		}
		if _, err := pictures(project, lib); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", change, err)
		}
	}
}
