package command

import (
	"errors"
	"math"

	"libobe/internal/jsondoc"
)

// New returns the request {"command": name}, for any command, also one that the
// protocol does not define. A name that is not UTF-8 is a jsondoc.ErrText.
func New(name string) (*jsondoc.Document, error) {
	request := jsondoc.FromValid([]byte("{}"))
	if err := request.SetString("command", name); err != nil {
		return nil, err
	}
	return request, nil
}

// Request returns the request of a command of the protocol with the members of
// fields, an object or nil. A member "command" of fields is ignored, so that fields
// may be a request. The error for an unknown name is a socket.ErrArgument.
func Request(name string, fields *jsondoc.Document) (*jsondoc.Document, error) {
	command, err := lookup(name)
	if err != nil {
		return nil, err
	}
	request, err := New(name)
	if err != nil || fields == nil {
		return request, err
	}
	if err := request.SetAll(fields); err != nil {
		return nil, err
	}
	if err := request.SetString("command", name); err != nil {
		return nil, err
	}
	if command.prepare != nil {
		err = command.prepare(request)
	}
	return request, err
}

const pickinessKey = "pickiness"

// GoodSet returns the request of goodset. Without a pickiness the server uses its own
// default: one that is negative or NaN is not sent.
func GoodSet(pickiness float64) (*jsondoc.Document, error) {
	request, err := New("goodset")
	switch {
	case err != nil || !(pickiness >= 0):
		return request, err
	case isWhole(pickiness):
		return request, request.SetInt(pickinessKey, int64(pickiness))
	}
	return request, request.SetDouble(pickinessKey, pickiness)
}

// prepareGoodSet replaces a whole pickiness, such as 4.0, by an integer. Any other
// value is sent as it is.
func prepareGoodSet(request *jsondoc.Document) error {
	if pickiness, err := request.Double("/" + pickinessKey); err == nil && isWhole(pickiness) {
		return request.SetInt(pickinessKey, int64(pickiness))
	}
	return nil
}

// isWhole reports whether v is sent as an integer, as programs in Python do: whether it
// is one that a double represents exactly.
func isWhole(v float64) bool { return v == math.Trunc(v) && math.Abs(v) < 1<<53 }

// NewData returns the request of newdat: the settings x, the values y measured there,
// and their uncertainties s. All three are sent as lists, because a scalar x ends a
// Python optbayesexpt server.
func NewData(x, y, s []float64) (*jsondoc.Document, error) {
	request, err := New("newdat")
	if err != nil {
		return nil, err
	}
	return request, errors.Join(request.SetDoubles("x", x), request.SetDoubles("y", y), request.SetDoubles("s", s))
}
