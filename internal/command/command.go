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
	answerNumber  answer = "a list of one number"
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

	Result     string // the name of the array that a function returns; "" if the reply is "OK"
	Shape      string // of a reply that is rows: one row for each knob
	IsQuestion bool   // whether its "OK" is the answer
}

// Member is a member of a request.
type Member struct{ Name, Doc string }

// Sizes explains the letters in replies.
const Sizes = "K knobs, P parameters, N samples of their distribution, M settings"

// protocol is the table of the commands, in the order of the documentation.
var protocol = []definition{
	{answer: answerOK, Command: Command{
		Name: "ready", Doc: "Asks once whether the server is ready; wait_ready waits until it is.", Reply: `"OK"`, IsQuestion: true}},
	{answer: answerOK, Command: Command{
		Name: "newrun", Doc: "Starts a new run.", Reply: `"OK"`,
		Members: []Member{{"any", "what the server needs for a run; a server may need none"}}}},
	{answer: answerNumbers, Command: Command{
		Name: "optset", Doc: "Asks for the best setting for the next measurement, one number for each knob.", Reply: "[K numbers]", Result: "setting"}},
	{answer: answerNumbers, prepare: prepareGoodSet, Command: Command{
		Name: "goodset", Doc: "Asks for a good setting, drawn at random.", Reply: "[K numbers]", Result: "setting",
		Members: []Member{{pickinessKey, "a number; the larger it is, the closer the setting is to the best one. Without it the server uses its own"}}}},
	{answer: answerOK, Command: Command{ // see NewData
		Name: "newdat", Doc: "Reports a measurement.", Reply: `"OK"`,
		Members: []Member{
			{"x", "a list of numbers: the setting, one for each knob"},
			{"y", "a list of numbers: the values that were measured there"},
			{"s", "a list of numbers: the standard deviations of y"}}}},
	{answer: answerNumbers, Command: Command{
		Name: "getmean", Doc: "Asks for the mean of each parameter.", Reply: "[P numbers]", Result: "mean"}},
	{answer: answerNumbers, Command: Command{
		Name: "getstd", Doc: "Asks for the standard deviation of each parameter.", Reply: "[P numbers]", Result: "deviation"}},
	{answer: answerRows, Command: Command{
		Name: "getcov", Doc: "Asks for the covariance matrix of the parameters.", Reply: "[P rows of P numbers]", Result: "covariance",
		Shape: "one row and one column for each parameter"}},
	{answer: answerRows, Command: Command{
		Name: "getpar", Doc: "Asks for the samples of the parameters' distribution.", Reply: "[P rows of N numbers]", Result: "parameters",
		Shape: "one row for each parameter and one column for each sample"}},
	{answer: answerNumbers, Command: Command{
		Name: "getwgt", Doc: "Asks for the weight of each sample of getpar.", Reply: "[N numbers]", Result: "weights"}},
	{answer: answerRows, Command: Command{
		Name: "getset", Doc: "Asks for all possible settings.", Reply: "[K rows of M numbers]", Result: "settings",
		Shape: "one row for each knob and one column for each setting"}},
	{answer: answerNumbers, Command: Command{
		Name: "getcon", Doc: "Asks for the constants of the model.", Reply: "[numbers]", Result: "constants"}},
	{answer: answerOK, Command: Command{Name: "done", Doc: "Asks the server to exit.", Reply: `"OK"`}},
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
