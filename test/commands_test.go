package test

import (
	"os"
	"regexp"
	"testing"
)

// bareCommand is a command of the protocol without members, with the name of the array of
// its function; "" if the reply is "OK".
type bareCommand struct{ name, array string }

// bareCommands returns those of c/commands.h, which the tests in C and C++ call by its
// macros.
func bareCommands(t *testing.T) (all []bareCommand) {
	t.Helper()
	text, err := os.ReadFile("c/commands.h")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\bM\(X, (\w+)(?:, (\w+))?\)`).FindAllStringSubmatch(string(text), -1) {
		all = append(all, bareCommand{m[1], m[2]})
	}
	if len(all) < 10 {
		t.Fatalf("only %d commands in c/commands.h", len(all))
	}
	return all
}
