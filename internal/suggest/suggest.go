// Package suggest finds the known name that a misspelled one was meant to be.
package suggest

import (
	"strings"
	"unicode/utf8"
)

// Nearest returns the candidate that is nearest to a name, or "" if none is near: within a
// third of the longer name's characters, and at most three changes. A candidate that differs
// in upper and lower case only is the nearest. Of candidates that are equally near, it
// returns the first.
func Nearest(name string, candidates []string) string {
	const maxLength = 100 // of a name that is compared, so that a hostile one costs little
	if len(name) > maxLength {
		return ""
	}
	nearest, least := "", 4
	for _, candidate := range candidates {
		if candidate != name && strings.EqualFold(candidate, name) {
			return candidate
		}
		if len(candidate) > maxLength {
			continue
		}
		longer := max(utf8.RuneCountInString(name), utf8.RuneCountInString(candidate))
		d := distance([]rune(name), []rune(candidate))
		if d < least && d <= max(1, longer/3) && d < longer {
			nearest, least = candidate, d
		}
	}
	return nearest
}

// distance is the optimal string alignment distance: how many characters are inserted,
// deleted, replaced or exchanged with their neighbour. It is own code, because it is
// shorter than the reason for a dependency, and exchanged neighbours, the most frequent
// slip, are two changes in the usual Levenshtein libraries.
func distance(a, b []rune) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range b {
		rows[0][j+1] = j + 1
	}
	for i := range a {
		for j := range b {
			replace := rows[i][j]
			if a[i] != b[j] {
				replace++
			}
			d := min(replace, rows[i][j+1]+1, rows[i+1][j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, rows[i-1][j-1]+1)
			}
			rows[i+1][j+1] = d
		}
	}
	return rows[len(a)][len(b)]
}
