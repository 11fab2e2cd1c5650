package command

import (
	"strings"

	"libobe/internal/jsondoc"
)

// ErrorReply returns the reply of a server that cannot execute a command, which is "" if the message has none. why is a
// text for a person.
func ErrorReply(name, why string) []byte {
	text := jsondoc.AppendString([]byte(`{"error": `), strings.ToValidUTF8(why, "\uFFFD"))
	text = append(text, `, "command": `...)
	if name == "" {
		return append(text, "null}"...)
	}
	return append(jsondoc.AppendString(text, name), '}')
}
