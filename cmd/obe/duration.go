package main

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// duration is the value of a flag: 500ms, 30s, 2m, or a number of seconds.
type duration time.Duration

var _ pflag.Value = new(duration)

// Set reads the value of the flag.
func (d *duration) Set(text string) error {
	if text != "" && strings.Trim(text, "0123456789.") == "" {
		text += "s"
	}
	parsed, err := time.ParseDuration(text)
	if err != nil || parsed < 0 {
		return errors.New("a duration is 500ms, 30s, 2m or a number of seconds, and not negative")
	}
	*d = duration(parsed)
	return nil
}

// String returns the value for the help.
func (d *duration) String() string {
	return strconv.FormatFloat(time.Duration(*d).Seconds(), 'f', -1, 64) + "s"
}

// Type is the kind of the value in the help.
func (d *duration) Type() string { return "duration" }
