package nats

import "strings"

// surelyNotExecuted reports whether an error of a gateway says that the command was not executed.
func surelyNotExecuted(text string) bool {
	for _, part := range notExecuted {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// notExecuted are parts of the sentences of gateways about commands that were not executed.
var notExecuted = []string{"no designer listens", "is gone; begin with newrun", "not sent", "not executed", "busy"}
