package simulate

import (
	"fmt"
	"slices"
	"testing"
)

func scale(n int) (values []float64) {
	for i := range n {
		values = append(values, float64(i))
	}
	return values
}

func TestEvenSettings(t *testing.T) {
	for _, c := range []struct {
		knobs [][]float64
		n     int
		want  [][]float64
	}{
		{[][]float64{scale(11)}, 1, [][]float64{{0}}},
		{[][]float64{scale(11)}, 2, [][]float64{{0}, {10}}},
		{[][]float64{scale(11)}, 5, [][]float64{{0}, {3}, {5}, {8}, {10}}},
		{[][]float64{scale(2)}, 4, [][]float64{{0}, {0}, {1}, {1}}},
		{[][]float64{{7}}, 3, [][]float64{{7}, {7}, {7}}},
		{[][]float64{scale(11), {7}}, 2, [][]float64{{0, 7}, {10, 7}}},
		{[][]float64{scale(11), scale(5)}, 4, [][]float64{{0, 0}, {0, 4}, {10, 0}, {10, 4}}},
	} {
		if got := evenSettings(c.knobs, c.n); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%d of %v: %v, and not %v", c.n, c.knobs, got, c.want)
		}
	}
}

// As many measurements as settings measure each once; and a half of a plane gets a half of the measurements.
func TestEvenSettingsCover(t *testing.T) {
	seen := map[string]int{}
	for _, x := range evenSettings([][]float64{scale(20), scale(15)}, 300) {
		seen[fmt.Sprint(x)]++
	}
	if len(seen) != 300 {
		t.Errorf("%d settings of 300", len(seen))
	}
	knobs := [][]float64{scale(100), scale(90), scale(7)}
	for _, n := range []int{200, 1000, 5000} {
		all := evenSettings(knobs, n)
		if len(all) != n {
			t.Fatal(len(all))
		}
		for k := range knobs {
			middle := float64(len(knobs[k])-1) / 2
			low := len(slices.DeleteFunc(slices.Clone(all), func(x []float64) bool { return x[k] >= middle }))
			high := len(slices.DeleteFunc(slices.Clone(all), func(x []float64) bool { return x[k] <= middle }))
			if difference := low - high; difference > n/5 || difference < -n/5 {
				t.Errorf("%d measurements: knob %d is in its lower half %d times, and in its upper half %d times", n, k, low, high)
			}
		}
	}
}
