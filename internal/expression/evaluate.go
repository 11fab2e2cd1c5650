package expression

import "fmt"

// blockLength is how many values are worked on at a time, so that a few arrays of them stay
// in a first-level cache of 32 KiB. Of 128 to 4096 it was among the fastest for one setting
// and 10,000 particles (BenchmarkLorentzian).
const blockLength = 512

// Evaluator computes the values of a program. It has the memory for it, and is for one
// goroutine at a time.
type Evaluator struct {
	program *Program
	// The values of the rows, one array for each direction.
	particleNumbers, settingNumbers []float64
	registers                       [][]float64
	row                             []float64
}

// NewEvaluator returns an evaluator of the program. It is the only function that allocates.
func (p *Program) NewEvaluator() *Evaluator {
	e := &Evaluator{
		program:         p,
		particleNumbers: append([]float64(nil), p.overParticles.numbers...),
		settingNumbers:  append([]float64(nil), p.overSettings.numbers...),
		row:             make([]float64, max(len(p.scope.Settings), len(p.scope.Parameters))),
	}
	n := max(p.overParticles.registers, p.overSettings.registers)
	memory := make([]float64, n*blockLength)
	for i := range n {
		e.registers = append(e.registers, memory[i*blockLength:(i+1)*blockLength])
	}
	return e
}

// AtSetting computes the values at one setting for many particles:
//
//	dst[i] = value(setting, particle i)
//
// setting has a number for each setting of the scope. particles has a column for each
// parameter of the scope: particles[k][i] is parameter k of particle i. Each column has
// len(dst) numbers. It panics if a length is wrong. dst must not overlap a column.
func (e *Evaluator) AtSetting(dst, setting []float64, particles [][]float64) {
	check("setting", len(setting), len(e.program.scope.Settings))
	checkColumns("particles", particles, len(e.program.scope.Parameters), len(dst))
	c := e.program.overParticles
	e.setRow(c, e.particleNumbers, setting)
	for start := 0; start < len(dst); start += blockLength {
		b := block{e, e.particleNumbers, particles, start, min(blockLength, len(dst)-start), dst}
		b.run(c.blockStage)
		b.run(c.bodyStage)
	}
}

// AtParticles computes the values at many settings for some particles, one row for each
// particle:
//
//	dst[i*M+j] = value(setting j, particle i)
//
// where M is the number of settings. settings has a column of M numbers for each setting of
// the scope: settings[k][j] is number k of setting j. particles has a column for each
// parameter of the scope: particles[k][i] is parameter k of particle i, for i from 0 to n-1.
// dst has n*M numbers. It panics if a length is wrong. dst must not overlap a column.
//
// It is the faster direction if there are more settings than particles.
func (e *Evaluator) AtParticles(dst []float64, settings, particles [][]float64, m, n int) {
	checkColumns("settings", settings, len(e.program.scope.Settings), m)
	checkColumns("particles", particles, len(e.program.scope.Parameters), n)
	check("dst", len(dst), m*n)
	c := e.program.overSettings
	for start := 0; start < m; start += blockLength {
		b := block{e, e.settingNumbers, settings, start, min(blockLength, m-start), nil}
		b.run(c.blockStage)
		for i := range n {
			for k, column := range particles {
				e.row[k] = column[i]
			}
			e.setRow(c, e.settingNumbers, e.row)
			b.dst = dst[i*m : (i+1)*m]
			b.run(c.bodyStage)
		}
	}
}

func check(what string, got, want int) {
	if got != want {
		panic(fmt.Sprintf("expression: %s has %d elements, and not %d", what, got, want))
	}
}

func checkColumns(what string, columns [][]float64, count, length int) {
	check(what, len(columns), count)
	for i := range columns {
		check(what, len(columns[i]), length)
	}
}

// setRow computes what depends on a row alone.
func (e *Evaluator) setRow(c *code, numbers, row []float64) {
	for _, in := range c.rowInputs {
		numbers[in.number] = row[in.variable]
	}
	for i := range c.rowStage {
		in := &c.rowStage[i]
		var args [3]float64
		for j := range args {
			args[j] = numbers[in.args[j].index]
		}
		numbers[in.target.index] = in.compute(args)
	}
}

// block is a part of the columns.
type block struct {
	*Evaluator
	numbers []float64
	columns [][]float64
	start   int
	length  int
	dst     []float64
}

// array returns an array of the block, or nil if the operand is a number.
func (b *block) array(o operand) []float64 {
	switch o.kind {
	case inRegister:
		return b.registers[o.index][:b.length]
	case inColumn:
		return b.columns[o.index][b.start : b.start+b.length]
	case inResult:
		return b.dst[b.start : b.start+b.length]
	}
	return nil
}

// number returns a number; 0 if the operand is an array.
func (b *block) number(o operand) float64 {
	if o.kind == inNumber {
		return b.numbers[o.index]
	}
	return 0
}

func (b *block) run(stage []instruction) {
	for i := range stage {
		in := &stage[i]
		target, x, y := b.array(in.target), b.array(in.args[0]), b.array(in.args[1])
		u, v := b.number(in.args[0]), b.number(in.args[1])
		switch {
		case in.copies:
			copyArray(target, x, u)
		case in.op == opWhere:
			whereArray(target, x, y, b.array(in.args[2]), u, v, b.number(in.args[2]))
		default:
			in.arrays(target, x, y, u, v)
		}
	}
}
