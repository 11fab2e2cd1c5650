package jsondoc

import (
	"math/big"
	"sync"
)

// A power of ten as 128 bits: 10^e, scaled by a power of two so that the highest
// bit is set, and truncated.
type power struct{ hi, lo uint64 }

const (
	lowestPower  = -362 // below it, 10^e times any 38 digits is 0
	highestPower = 324
)

type powerTable [highestPower - lowestPower + 1]power

// powers returns the table of the powers of ten. It is computed, in well under a
// millisecond, when a number is first read or written: as source text it would be 700
// lines that cannot be reviewed.
var powers = sync.OnceValue(func() *powerTable {
	table := new(powerTable)
	five := big.NewInt(5)
	low := new(big.Int).SetUint64(1<<64 - 1)
	set := func(e int, x *big.Int) {
		if shift := x.BitLen() - 128; shift >= 0 {
			x.Rsh(x, uint(shift))
		} else {
			x.Lsh(x, uint(-shift))
		}
		table[e-lowestPower] = power{new(big.Int).Rsh(x, 64).Uint64(), new(big.Int).And(x, low).Uint64()}
	}
	p, one := big.NewInt(1), big.NewInt(1)
	for e := 0; e <= max(highestPower, -lowestPower); e++ {
		if e <= highestPower {
			set(e, new(big.Int).Set(p))
		}
		if e > 0 && -e >= lowestPower {
			// 1/5^e with 128 bits and more: p has BitLen bits.
			n := new(big.Int).Lsh(one, uint(p.BitLen()+128))
			set(-e, n.Quo(n, p))
		}
		p.Mul(p, five)
	}
	return table
})

// exactPower reports whether 10^e is exact in the table: 5^55 is the largest power
// of five that fits 128 bits.
func exactPower(e int) bool { return e >= 0 && e <= 55 }

// roundUp returns the power rounded up instead of truncated.
func (p power) roundUp() power {
	p.lo++
	if p.lo == 0 {
		p.hi++
	}
	return p
}
