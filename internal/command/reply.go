package command

import (
	"errors"
	"fmt"

	"libobe/internal/excerpt"
	"libobe/internal/jsondoc"
)

// ErrReply is the error of a reply that does not answer the command; use errors.Is.
var ErrReply = errors.New("unexpected reply")

// Check returns an ErrReply if a reply does not answer the command name. It reads the
// whole reply, in time linear in its text, and allocates no memory for its numbers. The
// error for an unknown name is a socket.ErrArgument.
func Check(name string, reply *jsondoc.Document) error {
	command, err := lookup(name)
	if err != nil {
		return err
	}
	switch command.answer {
	case answerOK:
		return checkOK(name, reply)
	case answerNumbers:
		err = reply.CheckDoubles("")
	case answerRows:
		err = reply.CheckMatrix("")
	}
	if err != nil {
		return unexpected(name, command.answer, reply, err)
	}
	return nil
}

// CheckKind is Check without the elements of an array, for a caller that reads the
// numbers afterwards: reading fails on any other element.
func CheckKind(name string, reply *jsondoc.Document) error {
	command, err := lookup(name)
	if err != nil {
		return err
	}
	if command.answer == answerOK {
		return checkOK(name, reply)
	}
	if t, err := reply.Type(""); err != nil || t != jsondoc.Array {
		return unexpected(name, command.answer, reply, err)
	}
	return nil
}

func checkOK(name string, reply *jsondoc.Document) error {
	if isOK(reply) {
		return nil
	}
	return unexpected(name, answerOK, reply, nil)
}

func isOK(reply *jsondoc.Document) bool {
	var text [len("OK")]byte
	n, err := reply.ReadString("", text[:])
	return err == nil && n == len(text) && string(text[:]) == "OK"
}

// unexpected returns the ErrReply of a reply that is not the wanted one. Its text
// contains the reply, or the beginning of a long one, because a server reports its own
// errors that way.
func unexpected(name string, wanted answer, reply *jsondoc.Document, cause error) error {
	text := excerpt.Message(reply.Text())
	if cause != nil {
		return fmt.Errorf("%s: %w: %s instead of %s (%s)", name, ErrReply, text, wanted, cause)
	}
	return fmt.Errorf("%s: %w: %s instead of %s", name, ErrReply, text, wanted)
}
