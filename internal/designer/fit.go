package designer

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// A fit is how well the model agrees with all measurements at the particle with the largest likelihood, where every sum
// is about the smallest. The sums at the true values have chi-squared distributions, and so they exceed these limits
// rarely if the model and the noise are right.
type fit struct {
	measurements float64 // of channels whose noise is known
	total        float64 // the sum of the squared residuals of the measurements, in units of their s
	settings     float64
	lack         float64 // the same of the means at each setting
	repeats      float64 // the number of measurements at settings that already had one
	spread       float64 // the same sum of these, around the means
	worst        float64 // the largest residual of a mean, in units of its standard deviation
	channel      int     // where it is
	setting      []float64

	// The same of single measurements of channels whose noise is estimated. An outlier makes the estimated noise larger, and
	// with it the mean of many measurements at its setting looks right.
	singles       float64
	single        float64
	singleChannel int
	singleSetting []float64
}

// improbable is the probability below which a fit is not taken for chance.
const improbable = 1e-6

// excess returns by what factor the variances of all measurements are too small, 1 if they are not: the mean of the squared
// residuals (the ratio of Birge 1932, squared).
func (f *fit) excess() float64 {
	result := 1.0
	if f.measurements > 0 && improbablyLarge(f.total, f.measurements) {
		result = max(result, f.total/f.measurements)
	}
	if f.settings > 0 && improbablyLarge(f.lack, f.settings) {
		result = max(result, f.lack/f.settings)
	}
	return result
}

// outlier returns by what factor a posterior variance must be enlarged if one residual is too large even with variances
// that are enlarged by excess, and 1 if none is: its square. In a linear model, a measurement that decides at most half of
// an estimate shifts it by at most its residual, both in standard deviations.
func (f *fit) outlier(excess float64) float64 {
	factor := 1.0
	for _, of := range []struct{ residual, number float64 }{{f.worst, f.settings}, {f.single, f.singles}} {
		if z := of.residual / math.Sqrt(excess); math.Erfc(z/math.Sqrt2)*of.number < improbable {
			factor = max(factor, z*z)
		}
	}
	return factor
}

// wrongModel reports whether the means at the settings are farther from the model than the spread of repeated measurements
// explains, even without the worst of them, which may be an outlier (the F test for lack of fit). If so, the noise is not
// the reason, and a larger one would not make the estimate right.
func (f *fit) wrongModel() bool {
	lack := f.lack - f.worst*f.worst
	if f.repeats < fewestRepeats || f.settings < 2 || !improbablyLarge(lack, f.settings-1) {
		return false
	}
	ratio := (lack / (f.settings - 1)) / (f.spread / f.repeats)
	return distuv.F{D1: f.settings - 1, D2: f.repeats}.Survival(ratio) < improbable
}

// fewestRepeats is the number of repeated measurements from which their spread says how large the noise is.
const fewestRepeats = 10

// improbablyLarge reports whether a chi-squared variable would hardly be so large by chance.
func improbablyLarge(sum, freedom float64) bool {
	if sum < freedom+4*math.Sqrt(2*freedom) { // at most 4 standard deviations: a quick no
		return false
	}
	return distuv.ChiSquared{K: freedom}.Survival(sum) < improbable
}

// fit compares the particle with the data.
func (m *mover) fit(values [][]float64) fit {
	var f fit
	out := make([]float64, 1)
	for channel, ch := range m.channels {
		f.repeats += m.data.count[channel]
		if k := ch.NoiseParameter; k != NoNoiseParameter {
			f.spread += m.data.spread[channel] / (values[k][0] * values[k][0])
			f.singles += m.data.count[channel]
			continue
		}
		f.measurements += m.data.count[channel]
		f.total += m.data.spread[channel]
		f.spread += m.data.spread[channel]
	}
	for i := range m.data.points {
		p := &m.data.points[i]
		m.model.Predict(p.channel, p.setting, values, 0, 1, out)
		off := out[0] - p.mean
		square := p.weight * off * off
		if k := m.channels[p.channel].NoiseParameter; k != NoNoiseParameter {
			s := values[k][0]
			square /= s * s
			e := &m.data.extremes[i]
			if z := max(out[0]-e[0], e[1]-out[0]) / s; z > f.single {
				f.single, f.singleChannel, f.singleSetting = z, p.channel, p.setting
			}
		} else {
			f.total += square
		}
		f.settings++
		f.repeats--
		f.lack += square
		if z := math.Sqrt(square); z > f.worst {
			f.worst, f.channel, f.setting = z, p.channel, p.setting
		}
	}
	return f
}
