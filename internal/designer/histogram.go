package designer

// Histogram returns the probabilities that a parameter is in each of bins intervals of equal width from low to high. What
// is outside is not counted, so the sum is at most 1.
func (d *Designer) Histogram(parameter, bins int, low, high float64) []float64 {
	probabilities := make([]float64, bins)
	scale := float64(bins) / (high - low)
	for i, v := range d.cloud.value[parameter] {
		switch at := (v - low) * scale; {
		case v == high:
			probabilities[bins-1] += d.cloud.weight[i]
		case at >= 0 && at < float64(bins):
			probabilities[int(at)] += d.cloud.weight[i]
		}
	}
	return probabilities
}
