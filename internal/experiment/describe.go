package experiment

import "math"

// Description is the reply to the command describe, as encoding/json writes it: names, units
// and ranges, so that pages and programs can label what they show.
type Description struct {
	Title       string                 `json:"title"`
	Description string                 `json:"description,omitempty"`
	Settings    []SettingDescription   `json:"settings"`
	Channels    []ChannelDescription   `json:"channels"`
	Parameters  []ParameterDescription `json:"parameters"`
	Constants   []ConstantDescription  `json:"constants"`
	Particles   int                    `json:"particles"`
	Pickiness   float64                `json:"pickiness"`
	Draws       int                    `json:"draws"`
}

// LabelDescription is what the file says about something for people.
type LabelDescription struct {
	Name        string `json:"name"`
	Unit        string `json:"unit"`
	Description string `json:"description,omitempty"`
}

// SettingDescription describes a knob. Values are there only if the file lists them.
type SettingDescription struct {
	LabelDescription
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Steps  int       `json:"steps"`
	Scale  string    `json:"scale,omitempty"` // "linear" or "logarithmic", of a range
	Values []float64 `json:"values,omitempty"`
}

// ChannelDescription describes a channel. Noise is "fixed", "reported" or "estimated".
// NoiseParameter is there only if it is estimated, and NoiseStd otherwise.
type ChannelDescription struct {
	LabelDescription
	Expression     string  `json:"expression"`
	Noise          string  `json:"noise"`
	NoiseStd       float64 `json:"noise_std,omitempty"`
	NoiseParameter string  `json:"noise_parameter,omitempty"`
}

// ParameterDescription describes a parameter and its prior, with the members that its kind
// has. A bound that is infinite is left out.
type ParameterDescription struct {
	LabelDescription
	Prior   PriorKind `json:"prior"`
	Min     *float64  `json:"min,omitempty"`
	Max     *float64  `json:"max,omitempty"`
	Mean    *float64  `json:"mean,omitempty"`
	Std     *float64  `json:"std,omitempty"`
	Values  []float64 `json:"values,omitempty"`
	Weights []float64 `json:"weights,omitempty"`
}

// ConstantDescription describes a constant.
type ConstantDescription struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// Describe returns the reply to describe. Its lists are not nil, so that encoding/json writes
// [] and not null.
func (e *Experiment) Describe() Description {
	d := Description{
		Title: e.Title, Description: e.Description,
		Settings: []SettingDescription{}, Channels: []ChannelDescription{}, Parameters: []ParameterDescription{}, Constants: []ConstantDescription{},
		Particles: e.Particles, Pickiness: e.Design.Pickiness, Draws: e.Design.Draws,
	}
	for _, s := range e.Settings {
		described := SettingDescription{LabelDescription: LabelDescription(s.Label), Min: s.Min, Max: s.Max, Steps: len(s.Values), Scale: "linear"}
		if s.Logarithmic {
			described.Scale = "logarithmic"
		}
		if s.Listed {
			described.Scale, described.Values = "", s.Values
		}
		d.Settings = append(d.Settings, described)
	}
	for _, c := range e.Channels {
		described := ChannelDescription{LabelDescription: LabelDescription(c.Label), Expression: c.Expression, Noise: c.Noise.Kind.String(), NoiseStd: c.Noise.Std}
		if c.Noise.Kind == EstimatedNoise {
			described.NoiseParameter = e.Parameters[c.Noise.Parameter].Name
		}
		d.Channels = append(d.Channels, described)
	}
	for _, p := range e.Parameters {
		d.Parameters = append(d.Parameters, p.describe())
	}
	for _, c := range e.Constants {
		d.Constants = append(d.Constants, ConstantDescription(c))
	}
	return d
}

func (k NoiseKind) String() string {
	switch k {
	case ReportedNoise:
		return "reported"
	case EstimatedNoise:
		return "estimated"
	}
	return "fixed"
}

func (p *Parameter) describe() ParameterDescription {
	prior := p.Prior
	d := ParameterDescription{LabelDescription: LabelDescription(p.Label), Prior: prior.kind, Min: finite(prior.min), Max: finite(prior.max)}
	switch prior.kind {
	case Normal:
		d.Mean, d.Std = finite(prior.mean), finite(prior.std)
	case HalfNormal:
		d.Std = finite(prior.std)
	case List:
		d.Values, d.Weights = prior.values, prior.Weights()
	}
	return d
}

func finite(v float64) *float64 {
	if math.IsInf(v, 0) {
		return nil
	}
	return &v
}
