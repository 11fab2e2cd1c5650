// Package simulate plays the instrument of an experiment: it asks a designer for settings over a connection, computes what
// an instrument would measure there, with true values that the designer does not know, and reports it.
//
// It judges nothing and prints nothing. The caller passes a client, and gets the measurements and estimates.
//
// The one thing to know first: the truth, the noise and the faults have separate random numbers, each from the seed, so
// that a run with faults has the same truth and the same noise as the run without them.
package simulate

import "math/rand/v2"

// The streams of random numbers. All but the first are two, one for each way of choosing settings.
const (
	truthStream   = 0
	noiseStream   = 1
	outlierStream = 3
	dropStream    = 5
)

func stream(seed uint64, number int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(number))) }
