package monitor

import (
	"fmt"
	"net/url"
	"strconv"

	"libobe/internal/excerpt"
)

// The limits of the number of points of each series.
const (
	MinPoints     = 100
	MaxPoints     = 20000
	defaultPoints = 2000
)

// Query is what of a model a frame shows. It is comparable.
type Query struct {
	Run      int   // its number; 0 is the latest one
	From, To int64 // numbers of measurements, from 1 and inclusive; 0: from the first, to the last
	Points   int   // the largest number of points of a series
}

// ParseQuery reads a query from the parameters of a request, as they are in its address. The
// error is a sentence for people.
func ParseQuery(text string) (q Query, err error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return q, fmt.Errorf("the parameters of the address cannot be read: %w", err)
	}
	number := func(name string, least, most, missing int64) int64 {
		text := values.Get(name)
		if text == "" || err != nil {
			return missing
		}
		n, bad := strconv.ParseInt(text, 10, 64)
		if bad != nil || n < least || n > most {
			err = fmt.Errorf("%s is a whole number from %d to %d, not %s", name, least, most, excerpt.Quote(text))
		}
		return n
	}
	const most = 1 << 53 // the largest whole number that JavaScript has exactly
	q = Query{
		Run:  int(number("run", 0, 1<<31-1, 0)),
		From: number("from", 0, most, 0), To: number("to", 0, most, 0),
		Points: int(number("points", MinPoints, MaxPoints, defaultPoints)),
	}
	if err == nil && q.To > 0 && q.From > q.To {
		err = fmt.Errorf("from is %d, and must not be more than to, which is %d", q.From, q.To)
	}
	return q, err
}
