package test

import (
	"slices"
	"strings"
	"testing"
)

// sameNames checks that two lists have the same names. It prints what is in only one of
// them, one in a line, and what to do about it: missing is for names that are only wanted,
// surplus for names that are only in got.
func sameNames(t *testing.T, got, wanted []string, missing, surplus string) {
	t.Helper()
	report := func(heading string, list, other []string) {
		t.Helper()
		only := slices.DeleteFunc(slices.Clone(list), func(name string) bool { return slices.Contains(other, name) })
		if len(only) > 0 {
			t.Errorf("%s:\n\t%s", heading, strings.Join(only, "\n\t"))
		}
	}
	report(missing, wanted, got)
	report(surplus, got, wanted)
	if twice := slices.Sorted(slices.Values(got)); len(slices.Compact(slices.Clone(twice))) != len(twice) {
		t.Errorf("a name is in the list twice:\n\t%s", strings.Join(twice, "\n\t"))
	}
}
