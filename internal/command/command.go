// Package command defines the commands of the protocol's servers: the request of each,
// and the reply that answers it. It converts both from and to numbers, so that an
// instrument program needs no JSON.
//
// It does not send anything itself: a Caller, usually a client, does that. The table of
// the commands, protocol, is the only definition; every language binding uses it.
package command

import (
	"fmt"

	"libobe/internal/excerpt"
	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

// answer is a kind of reply, as error texts describe it.
type answer string

const (
	answerOK      answer = `"OK"`
	answerNumbers answer = "a list of numbers"
	answerRows    answer = "a list of rows of numbers"
)

// definition is what a command of the protocol needs and returns.
type definition struct {
	Command
	answer answer
	// prepare normalizes the members of a request; nil if they are sent as they are.
	prepare func(request *jsondoc.Document) error
}

// Command describes a command of the protocol for readers.
type Command struct {
	Name    string
	Doc     string   // what it asks for
	Members []Member // of the request, in addition to "command"
	Reply   string   // the reply, with the sizes K, P, N and M of Sizes
}

// Member is a member of a request.
type Member struct{ Name, Doc string }

// Sizes explains the letters in replies.
const Sizes = "K knobs, P parameters, N samples of their distribution, M settings"

// protocol is the table of the commands, in the order of the documentation.
var protocol = []definition{
	{answer: answerOK, Command: Command{"ready", "Asks whether the server is ready.", nil, `"OK"`}},
	{answer: answerOK, Command: Command{"newrun", "Starts a new run.",
		[]Member{{"any", "what the server needs for a run; a server may need none"}}, `"OK"`}},
	{answer: answerNumbers, Command: Command{"optset", "Asks for the best setting for the next measurement.", nil, "[K numbers]"}},
	{answer: answerNumbers, prepare: prepareGoodSet, Command: Command{"goodset", "Asks for a good setting, drawn at random.",
		[]Member{{pickinessKey, "a number; the larger it is, the closer the setting is to the best one. Without it the server uses its own"}}, "[K numbers]"}},
	{answer: answerOK, Command: Command{"newdat", "Reports a measurement.", []Member{ // see NewData
		{"x", "a list of numbers: the setting, one for each knob"},
		{"y", "a list of numbers: the values that were measured there"},
		{"s", "a list of numbers: the standard deviations of y"}}, `"OK"`}},
	{answer: answerNumbers, Command: Command{"getmean", "Asks for the mean of each parameter.", nil, "[P numbers]"}},
	{answer: answerNumbers, Command: Command{"getstd", "Asks for the standard deviation of each parameter.", nil, "[P numbers]"}},
	{answer: answerRows, Command: Command{"getcov", "Asks for the covariance matrix of the parameters.", nil, "[P rows of P numbers]"}},
	{answer: answerRows, Command: Command{"getpar", "Asks for the samples of the parameters' distribution.", nil, "[P rows of N numbers]"}},
	{answer: answerNumbers, Command: Command{"getwgt", "Asks for the weight of each sample of getpar.", nil, "[N numbers]"}},
	{answer: answerRows, Command: Command{"getset", "Asks for all possible settings.", nil, "[K rows of M numbers]"}},
	{answer: answerNumbers, Command: Command{"getcon", "Asks for the constants of the model.", nil, "[numbers]"}},
	{answer: answerOK, Command: Command{"done", "Asks the server to exit.", nil, `"OK"`}},
}

// Commands returns the commands of the protocol.
func Commands() (all []Command) {
	for _, d := range protocol {
		all = append(all, d.Command)
	}
	return all
}

// lookup returns the definition of a command. The error for another name is a
// socket.ErrArgument.
func lookup(name string) (definition, error) {
	for _, d := range protocol {
		if d.Name == name {
			return d, nil
		}
	}
	return definition{}, fmt.Errorf("%w: %s is not a command of the protocol", socket.ErrArgument, excerpt.Quote(name))
}
