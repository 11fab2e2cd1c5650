package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// share is the value of a flag: a percentage, such as 0.5%.
type share float64

var _ pflag.Value = new(share)

// Set reads the value of the flag. A number without % could be meant either way.
func (s *share) Set(text string) error {
	number, hasSign := strings.CutSuffix(text, "%")
	percent, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if !hasSign || err != nil || !(percent >= 0 && percent < 100) {
		return errors.New("a share is a percentage from 0% to less than 100%, such as 0.5%")
	}
	*s = share(percent / 100)
	return nil
}

// String returns the value for the help.
func (s *share) String() string { return strconv.FormatFloat(100*float64(*s), 'g', 6, 64) + "%" }

// Type is the kind of the value in the help.
func (s *share) Type() string { return "share" }
