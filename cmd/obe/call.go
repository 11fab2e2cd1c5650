package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"libobe/internal/command"
	"libobe/internal/excerpt"
	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

func newCall(app *app) *cobra.Command {
	timeout := 60 * time.Second
	var persistent, table bool
	var repeat int
	var maxMessage int64
	cmd := &cobra.Command{
		Use:   "call [ADDRESS] COMMAND|JSON|- [key=value]...",
		Short: "Send a command to a server and print its reply",
		Long: `Send one message to a server and print its reply, a line of JSON.

The message is a COMMAND with its members, each written as key=value, or a JSON text, or with
- the JSON text on the standard input. A value is JSON, such as 4, [2.5], true or NaN, and
otherwise a string; a value that begins with {, [ or a quotation mark must be JSON. JSON is
what Python's json module reads.

` + addressHelp + ` The
first argument is an ADDRESS if it has a colon before any equals sign and is not JSON.

The reply is printed completely, except at a terminal, where long arrays are shortened.
The exit status is 1 if the reply is an object with a member "error", and 3 if there is no
server or no reply in time. The command may have been executed even so.

With --repeat the same message is sent again and again. The result is then how long the
exchanges took, in microseconds, with --persistent over one connection and otherwise
with a new one each time.`,
		Example: `  obe call goodset pickiness=4
  obe call lab3:61981 newdat x=[2.5] y=[10.1] s=[0.3]
  obe call '{"command": "optset"}'
  obe call getmean --table
  obe call goodset --repeat 1000`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeCall,
	}
	flags := cmd.Flags()
	flags.Var((*duration)(&timeout), "timeout", "how long to wait for the reply, such as 500ms, 30s or 2m; a number alone is in seconds")
	flags.BoolVar(&persistent, "persistent", false, "keep the connection from one message to the next: only for servers built on libobe")
	flags.BoolVar(&table, "table", false, "print numbers in columns instead of JSON")
	flags.IntVar(&repeat, "repeat", 0, "send the message `N` times and print how long the exchanges took")
	flags.Int64Var(&maxMessage, "max-message", 64<<20, "the largest message in `bytes`")
	tls := addTLSFlags(flags, "", socket.RoleClient)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if flags.Changed("repeat") && repeat < 1 {
			return usage(errors.New("--repeat needs a number from 1"))
		}
		at, body, err := parseCall(args, app.readStdin)
		if err != nil {
			return usage(err)
		}
		client, err := newClient(app, at, tls)
		if err != nil {
			return err
		}
		defer client.Free()
		if err := client.SetOption("max_message", strconv.FormatInt(maxMessage, 10)); err != nil {
			return usage(fmt.Errorf("--max-message: %w", err))
		}
		if persistent {
			if err := client.SetOption("persistent", "1"); err != nil {
				return failure(err)
			}
		}
		if repeat > 0 {
			return measure(app, client, body, timeout, repeat, table || app.terminal)
		}
		reply, err := client.TcmdBody(body, timeout)
		if err != nil {
			return failure(err)
		}
		app.printReply(reply, table)
		return replyError(reply)
	}
	return cmd
}

// parseCall reads the arguments of call: the server's address, and the message. Most of its
// errors are a *mistake.
func parseCall(args []string, stdin func() ([]byte, error)) (address, []byte, error) {
	at := defaultAddress
	if isAddress(args[0]) {
		var err error
		if at, err = parseAddress(args[0]); err != nil {
			return at, nil, err
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return at, nil, errors.New("COMMAND is missing: what to send, such as goodset pickiness=4")
	}
	first, members := args[0], args[1:]
	if first != "-" && !startsJSON(first) {
		body, err := parseCommand(first, members)
		return at, body, err
	}
	if len(members) > 0 {
		return at, nil, &mistake{members[0], 0, "nothing may follow a JSON text: write this as one of its members"}
	}
	body := []byte(first)
	if first == "-" {
		var err error
		if body, err = stdin(); err != nil {
			return at, nil, err
		}
	}
	return at, body, checkJSON(string(body), 0, len(body))
}

// isAddress reports whether the first argument is an ADDRESS. The bracket of an IPv6
// address is no JSON, which has a colon only after a string.
func isAddress(arg string) bool {
	if strings.HasPrefix(arg, unixPrefix) {
		return true
	}
	if strings.HasPrefix(arg, "[") {
		before, _, found := strings.Cut(arg, ":")
		return found && !strings.ContainsAny(before, `"=`)
	}
	before, _, found := strings.Cut(arg, ":")
	return found && !strings.Contains(before, "=") && !startsJSON(arg)
}

// startsJSON reports whether a text is meant to be JSON, so that it is an error if it is not.
func startsJSON(text string) bool {
	text = strings.TrimLeft(text, " \t\r\n")
	return text != "" && strings.Contains(`{["`, text[:1])
}

// parseCommand returns the message of a command whose members are key=value.
func parseCommand(name string, members []string) ([]byte, error) {
	switch {
	case name == "":
		return nil, &mistake{name, 0, "COMMAND is empty"}
	case strings.Contains(name, "="):
		return nil, &mistake{name, 0, "COMMAND is missing: the name of a command comes before its members"}
	case !utf8.ValidString(name):
		return nil, &mistake{name, invalidByte(name), "COMMAND is not UTF-8"}
	}
	message, err := command.New(name)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, member := range members {
		key, value, found := strings.Cut(member, "=")
		switch {
		case !found:
			return nil, &mistake{member, len(member), fmt.Sprintf("a member is written as key=value; if %q is the address of the server, it needs a port", name)}
		case key == "":
			return nil, &mistake{member, 0, "the key is missing before ="}
		case key == "command":
			return nil, &mistake{member, 0, "COMMAND is the member command already"}
		case seen[key]:
			return nil, &mistake{member, 0, "there is a member " + excerpt.Quote(key) + " already"}
		case !utf8.ValidString(member):
			return nil, &mistake{member, invalidByte(member), "the text is not UTF-8"}
		}
		seen[key] = true
		if err := setMember(message, key, value, member); err != nil {
			return nil, err
		}
	}
	return message.Text(), nil
}

// setMember adds a member of the command line: JSON, or else a string.
func setMember(message *jsondoc.Document, key, value, member string) error {
	if jsondoc.Validate([]byte(value)) == nil {
		return message.SetJSON(key, []byte(strings.Trim(value, " \t\r\n")))
	}
	if startsJSON(value) {
		return checkJSON(member, len(key)+1, len(member))
	}
	return message.SetString(key, value)
}

// checkJSON returns a *mistake if text[start:end] is not JSON.
func checkJSON(text string, start, end int) error {
	err := jsondoc.Validate([]byte(text[start:end]))
	var syntax *jsondoc.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	at := start + int(syntax.Offset)
	problem := "invalid JSON: " + syntax.Problem
	// Of several lines the mistake shows the one with the place.
	if strings.Contains(text, "\n") {
		line := strings.Count(text[:at], "\n")
		begin := strings.LastIndexByte(text[:at], '\n') + 1
		text, _, _ = strings.Cut(text[begin:], "\n")
		at -= begin
		problem = fmt.Sprintf("%s (line %d)", problem, line+1)
	}
	return &mistake{text, at, problem}
}

// invalidByte returns the index of the first byte that is not UTF-8.
func invalidByte(text string) int {
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)) {
			return i
		}
	}
	return len(text)
}

// readStdin returns the whole standard input. A signal ends the wait for it.
func (a *app) readStdin() ([]byte, error) {
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := io.ReadAll(a.stdin)
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return nil, fmt.Errorf("cannot read the standard input: %w", r.err)
		}
		return r.text, nil
	case <-a.ctx.Done():
		return nil, a.ctx.Err()
	}
}

// replyError is the exit for a reply that is an error, an object with a member error that
// is not null.
func replyError(reply []byte) error {
	doc := jsondoc.FromValid(reply)
	kind, err := doc.Type("/error")
	if err != nil || kind == jsondoc.Null {
		return nil
	}
	if whole, err := doc.Type(""); err != nil || whole != jsondoc.Object {
		return nil
	}
	text, err := doc.String("/error")
	if err != nil {
		var raw []byte
		if raw, err = doc.JSON("/error"); err != nil {
			return failure(err)
		}
		text = string(raw)
	}
	return &exit{exitAnswer, fmt.Errorf("the server answered with an error: %s", printable(excerpt.Message(text)))}
}

// printReply prints a reply on one line, or as a table for people. At a terminal long
// arrays are shortened.
func (a *app) printReply(reply []byte, table bool) {
	out := oneLine(reply)
	shortened := false
	switch {
	case table:
		out, shortened = formatTable(reply, a.terminal)
	case a.terminal:
		out, shortened = summarize(reply)
	}
	if a.terminal {
		out = visible(out)
	}
	_, _ = a.stdout.Write(append(out, '\n'))
	if shortened {
		fmt.Fprintln(a.stderr, "(shortened for the terminal; redirected to a file or a program, the output is complete)")
	}
}

// oneLine returns a JSON text on one line: outside of strings a line break is white space,
// and inside it is written \n.
func oneLine(text []byte) []byte {
	return bytes.TrimSpace(bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, text))
}

// visible replaces the control characters that JSON allows in strings, which a terminal
// would execute, by escapes of JSON.
func visible(text []byte) []byte {
	if !bytes.ContainsFunc(text, isTerminalControl) {
		return text
	}
	var out bytes.Buffer
	for _, r := range string(text) {
		if isTerminalControl(r) {
			fmt.Fprintf(&out, `\u%04x`, r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.Bytes()
}

// isTerminalControl includes the characters that change the direction of the text, which let
// it appear as another one.
func isTerminalControl(r rune) bool {
	return r >= 0x7f && r < 0xa0 || unicode.Is(unicode.Bidi_Control, r)
}

// completeCall completes the commands of the protocol, and their members.
func completeCall(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 && isAddress(args[0]) {
		args = args[1:]
	}
	var found []cobra.Completion
	for _, c := range command.Commands() {
		if len(args) == 0 {
			found = append(found, cobra.CompletionWithDesc(c.Name, c.Doc))
		} else if c.Name == args[0] {
			for _, member := range c.Members {
				found = append(found, cobra.CompletionWithDesc(member.Name+"=", member.Doc))
			}
		}
	}
	directive := cobra.ShellCompDirectiveNoFileComp
	if len(args) > 0 {
		directive |= cobra.ShellCompDirectiveNoSpace
	}
	return found, directive
}
