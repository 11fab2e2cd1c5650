package socket

import (
	"fmt"

	"libobe/internal/jsondoc"
	"libobe/internal/memory"
)

// fields is the value of the option of that name: members of each command of the protocol
// that a client sends.
type fields struct {
	text   string            // as it was set
	object *jsondoc.Document // nil: none
}

// checkFields returns an error if a text is not a value of the option fields.
func checkFields(text string) error {
	if text == "" {
		return nil
	}
	object, err := jsondoc.Parse(memory.Bytes(text))
	if err != nil {
		return fmt.Errorf("%w: %v", ErrArgument, err) // it is not a message that is invalid
	}
	if t, err := object.Type(""); err != nil || t != jsondoc.Object {
		return fmt.Errorf(`%w: the value is not an object, such as {"instrument": "left"}`, ErrArgument)
	}
	if _, err := object.Type("/command"); err == nil {
		return fmt.Errorf("%w: the object has a member command, which each command sets itself", ErrArgument)
	}
	return nil
}

// setFields sets the option fields to a text that checkFields accepted.
func setFields(s *settings, text string) error {
	s.fields = fields{text: text}
	if text != "" {
		s.fields.object = jsondoc.FromValid(memory.Bytes(text))
	}
	return nil
}

// AddFields adds the members of the option fields to a request, except those that it has
// already.
func (c *Client) AddFields(request *jsondoc.Document) error {
	if f := c.options().fields.object; f != nil {
		return request.AddMissing(f)
	}
	return nil
}
