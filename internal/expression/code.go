package expression

// code is a program for one direction of evaluation. The values of one class of variables
// are columns: arrays that are worked on in blocks. Those of the other class are one row of
// numbers at a time.
//
//	once per row:              rowStage, on numbers
//	once per block:            blockStage, on arrays: what depends on columns alone
//	once per row and block:    bodyStage, on arrays
type code struct {
	rowStage, blockStage, bodyStage []instruction

	numbers   []float64 // the initial values: constants, and room for those of a row
	rowInputs []input   // what is copied from a row to the numbers
	registers int       // arrays of a block's length
}

// input is a variable of a row, and where its value is put.
type input struct{ variable, number int }

type operandKind uint8

const (
	inNumber operandKind = iota
	inRegister
	inColumn
	inResult
)

// operand is where a value is.
type operand struct {
	kind  operandKind
	index int
}

type instruction struct {
	operation
	target operand
	args   [3]operand
	copies bool // the result is the first operand
}

// emit compiles a value. inner is the class of the columns.
func (g *graph) emit(root int, inner class) *code {
	c := &code{numbers: []float64{0}} // the first is what an operand that is not there refers to
	reached := g.reach(root)
	isArray := func(i int) bool { return g.values[i].class&inner != 0 }
	inBody := func(i int) bool { return isArray(i) && g.values[i].class != inner }

	// The last instruction that needs an array: until then its register is not reused. What
	// the body needs of the stage of the block lives as long as the block.
	const forever = 1 << 30
	lastUse := map[int]int{}
	order := func(i int) int { // blockStage before bodyStage
		if inBody(i) {
			return i + len(g.values)
		}
		return i
	}
	for _, i := range reached {
		if g.values[i].kind != valueOperation {
			continue
		}
		for _, a := range g.values[i].args {
			switch {
			case a < 0:
			case inBody(i) && !inBody(a):
				lastUse[a] = forever
			default:
				lastUse[a] = max(lastUse[a], order(i))
			}
		}
	}

	place := make(map[int]operand, len(reached))
	var free []int
	register := func() int {
		if n := len(free); n > 0 {
			r := free[n-1]
			free = free[:n-1]
			return r
		}
		c.registers++
		return c.registers - 1
	}
	number := func(v float64) operand {
		c.numbers = append(c.numbers, v)
		return operand{inNumber, len(c.numbers) - 1}
	}
	instruct := func(i int) {
		v := g.values[i]
		in := instruction{operation: v.operation}
		for j, a := range v.args {
			if a >= 0 {
				in.args[j] = place[a]
			}
		}
		if !isArray(i) {
			in.target = number(0)
			place[i] = in.target
			c.rowStage = append(c.rowStage, in)
			return
		}
		for j, a := range v.args {
			seen := j > 0 && a == v.args[0] || j > 1 && a == v.args[1]
			if a >= 0 && !seen && place[a].kind == inRegister && lastUse[a] == order(i) {
				free = append(free, place[a].index) // the target may be an operand
			}
		}
		switch {
		case i == root && inBody(i):
			in.target = operand{kind: inResult}
		default:
			in.target = operand{inRegister, register()}
		}
		place[i] = in.target
		if inBody(i) {
			c.bodyStage = append(c.bodyStage, in)
		} else {
			c.blockStage = append(c.blockStage, in)
		}
	}
	for _, stage := range []bool{false, true} {
		for _, i := range reached {
			v := g.values[i]
			switch {
			case inBody(i) != stage:
			case v.kind == valueNumber:
				place[i] = number(v.number)
			case v.kind == valueVariable && v.class == inner:
				place[i] = operand{inColumn, v.variable}
			case v.kind == valueVariable:
				place[i] = number(0)
				c.rowInputs = append(c.rowInputs, input{v.variable, place[i].index})
			default:
				instruct(i)
			}
		}
	}
	if at := place[root]; at.kind != inResult {
		c.bodyStage = append(c.bodyStage, instruction{copies: true, target: operand{kind: inResult}, args: [3]operand{at}})
	}
	return c
}
