package command_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"libobe/internal/command"
	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

// setFields sets the option fields, and checks that it is read as it was set.
func setFields(t *testing.T, c *socket.Client, value string) {
	t.Helper()
	must(t, c.SetOption("fields", value))
	if got, err := c.Option("fields"); got != value || err != nil {
		t.Errorf("the option is %q (%v), want %q", got, err, value)
	}
}

// The members of the option fields follow those of each command.
func TestFieldsOfEveryCommand(t *testing.T) {
	s, c := newScriptedServer(t)
	setFields(t, c, ` {"instrument":"left", "n": [1, 2.0]} `)
	const members = `, "instrument": "left", "n": [1, 2.0]}`
	for _, k := range commands {
		s.replyWith(k.reply)
		if got, err := k.call(c, sentinels(8), testTimeout); got != k.want || err != nil {
			t.Errorf("%s: %s, %v; want %s", k.name, got, err, k.want)
		}
		s.expectRequests(t, strings.TrimSuffix(k.request, "}")+members)
	}
	s.replyWith(`"OK"`)
	must(t, c.WaitReady(testTimeout))
	s.expectRequests(t, `{"command": "ready"`+members)
	s.replyWith(`"OK"`)
	must(t, c.Send([]byte(`{"command": "ready"}`), testTimeout))
	_, err := c.ReceiveBody(testTimeout)
	must(t, err)
	_, err = c.TcmdBody([]byte(`{"command":"mine"}`), testTimeout)
	must(t, err)
	s.expectRequests(t, `{"command": "ready"}`, `{"command":"mine"}`) // the program's own bytes
	setFields(t, c, "")
	s.replyWith(`"OK"`)
	must(t, sendReady(c))
	must(t, c.WaitReady(testTimeout))
	s.expectRequests(t, `{"command": "ready"}`, `{"command": "ready"}`)
}

// A command's own member has precedence.
func TestFieldsWithTheNamesOfMembers(t *testing.T) {
	s, c := newScriptedServer(t)
	setFields(t, c, `{"pickiness": 2.0, "x": 1, "\u0079": 2, "steps": 3, "a": 1, "a": 2}`)
	for _, k := range []struct {
		call  call
		reply string
		want  string
	}{
		{doublesCall(goodset(4)), "[1]", `{"command": "goodset", "pickiness": 4, "x": 1, "\u0079": 2, "steps": 3, "a": 2}`},
		{doublesCall(goodset(-1)), "[1]", `{"command": "goodset", "pickiness": 2.0, "x": 1, "\u0079": 2, "steps": 3, "a": 2}`},
		{okCall(newdat([]float64{1}, []float64{2}, []float64{3})), `"OK"`,
			`{"command": "newdat", "x": [1.0], "y": [2.0], "s": [3.0], "pickiness": 2.0, "steps": 3, "a": 2}`},
		{okCall(newrun(`{"steps": 25, "x": null, "command": "done"}`)), `"OK"`,
			`{"command": "newrun", "steps": 25, "x": null, "pickiness": 2.0, "\u0079": 2, "a": 2}`},
	} {
		s.replyWith(k.reply)
		_, err := k.call(c, sentinels(8), testTimeout)
		must(t, err)
		s.expectRequests(t, k.want)
	}
	query, err := command.Request("newrun", jsondoc.FromValid([]byte(`{"steps": 25}`)))
	must(t, err)
	s.replyWith(`"OK"`)
	_, err = command.Query(c, "newrun", query, testTimeout)
	must(t, err)
	s.expectRequests(t, `{"command": "newrun", "steps": 25, "pickiness": 2.0, "x": 1, "\u0079": 2, "a": 2}`)
}

func TestFieldsThatAreRefused(t *testing.T) {
	_, c := newScriptedServer(t)
	const before = `{"a": 1}`
	setFields(t, c, before)
	for value, wanted := range map[string]string{
		" ":                              "JSON",
		"left":                           "JSON",
		`{"a": 1`:                        "JSON",
		`{"a": 1}}`:                      "JSON",
		"{\"a\": \"\xff\"}":              "UTF-8",
		"[]":                             "not an object",
		`"a"`:                            "not an object",
		"1":                              "not an object",
		"null":                           "not an object",
		`{"command": "ready"}`:           "member command",
		`{"a": 1, "\u0063ommand": null}`: "member command",
		strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20): "deeper",
		deepFields(513): "deeper",
	} {
		err := c.SetOption("fields", value)
		if !errors.Is(err, socket.ErrArgument) || !strings.Contains(err.Error(), wanted) || !strings.Contains(err.Error(), "option fields") || len(err.Error()) > 300 {
			t.Errorf("%.80q: %v", value, err)
		}
		if got, _ := c.Option("fields"); got != before {
			t.Errorf("%.80q changed the option to %.80q", value, got)
		}
	}
}

// deepFields returns an object of depth levels.
func deepFields(depth int) string {
	return strings.Repeat(`{"a": `, depth) + "1" + strings.Repeat("}", depth)
}

// Large and deep fields are sent as they are, unless the message would be too large.
func TestLargeAndDeepFields(t *testing.T) {
	s, c := newScriptedServer(t)
	s.replyWith(`"OK"`)
	for _, value := range []string{
		`{"text": "` + strings.Repeat("µ", 1<<20) + `"}`,
		deepFields(512),
	} {
		setFields(t, c, value)
		s.replyWith(`"OK"`)
		must(t, sendReady(c))
		must(t, c.WaitReady(testTimeout))
		request := `{"command": "ready", ` + value[1:]
		s.expectRequests(t, request, request)
	}
	must(t, c.SetOption("max_message", "1000"))
	if err := sendReady(c); err == nil || !strings.Contains(err.Error(), "max_message") {
		t.Errorf("a command of more than max_message: %v", err)
	}
}

// The option can be changed while other threads send commands: each command has the
// members of one value.
func TestFieldsThatChangeDuringCalls(t *testing.T) {
	s, c := newScriptedServer(t)
	s.replyWith(`"OK"`)
	stop := make(chan struct{})
	var changing, sending sync.WaitGroup
	changing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				if err := c.SetOption("fields", fmt.Sprintf(`{"a": %d, "b": %d}`, i, i)); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 4 {
		sending.Go(func() {
			for range 100 {
				if err := sendReady(c); err != nil {
					t.Error(err)
				}
			}
		})
	}
	sending.Wait()
	close(stop)
	changing.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, request := range s.requests {
		var a, b int
		if request == `{"command": "ready"}` {
			continue
		}
		if n, err := fmt.Sscanf(request, `{"command": "ready", "a": %d, "b": %d}`, &a, &b); n != 2 || err != nil || a != b {
			t.Fatalf("the server received %s", request)
		}
	}
}

func TestNoFieldsCostNothing(t *testing.T) {
	_, c := newScriptedServer(t)
	request, err := command.Request("ready", nil)
	must(t, err)
	if n := testing.AllocsPerRun(100, func() { must(t, c.AddFields(request)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
