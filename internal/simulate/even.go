package simulate

import "math"

// evenSettings returns n settings that are evenly spaced, in the order of a scan: the first knob changes last. With several
// knobs they are n evenly spaced points of the smallest regular grid that has so many. A knob has no other values than those
// of the experiment, so that more measurements than settings repeat some.
func evenSettings(knobs [][]float64, n int) [][]float64 {
	counts := gridOf(knobs, n)
	points := 1
	for _, count := range counts {
		points *= count
	}
	settings := make([][]float64, n)
	for i := range settings {
		point := i
		if n > 1 && points > 1 {
			// From the first point to the last; with fewer points than settings each is repeated in its place.
			point = int(math.Round(float64(i) * float64(points-1) / float64(n-1)))
		}
		settings[i] = make([]float64, len(knobs))
		for k := len(knobs) - 1; k >= 0; k-- {
			settings[i][k] = knobs[k][spread(point%counts[k], counts[k], len(knobs[k]))]
			point /= counts[k]
		}
	}
	return settings
}

// gridOf returns how many values of each knob a grid of at least n points has, about as many of each.
func gridOf(knobs [][]float64, n int) []int {
	counts := make([]int, len(knobs))
	for k := range counts {
		counts[k] = 1
	}
	for points := 1; points < n; {
		fewest := -1
		for k := range counts {
			if counts[k] < len(knobs[k]) && (fewest < 0 || counts[k] < counts[fewest]) {
				fewest = k
			}
		}
		if fewest < 0 {
			break // every setting is in the grid
		}
		points = points / counts[fewest] * (counts[fewest] + 1)
		counts[fewest]++
	}
	return counts
}

// spread returns the index among all values of the i-th of count evenly spaced ones.
func spread(i, count, all int) int {
	if count == 1 {
		return 0
	}
	return int(math.Round(float64(i) * float64(all-1) / float64(count-1)))
}
