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
	answer answer
	// prepare normalizes the members of a request; nil if they are sent as they are.
	prepare func(request *jsondoc.Document) error
}

var protocol = map[string]definition{
	"ready":   {answer: answerOK},
	"newrun":  {answer: answerOK}, // with any members that the server needs
	"newdat":  {answer: answerOK}, // with x, y and s; see NewData
	"done":    {answer: answerOK},
	"optset":  {answer: answerNumbers},
	"goodset": {answer: answerNumbers, prepare: prepareGoodSet}, // with pickiness; see GoodSet
	"getmean": {answer: answerNumbers},
	"getstd":  {answer: answerNumbers},
	"getwgt":  {answer: answerNumbers},
	"getcon":  {answer: answerNumbers},
	"getcov":  {answer: answerRows},
	"getpar":  {answer: answerRows},
	"getset":  {answer: answerRows},
}

// lookup returns the definition of a command. The error for another name is a
// socket.ErrArgument.
func lookup(name string) (definition, error) {
	d, known := protocol[name]
	if !known {
		return d, fmt.Errorf("%w: %s is not a command of the protocol", socket.ErrArgument, excerpt.Quote(name))
	}
	return d, nil
}
