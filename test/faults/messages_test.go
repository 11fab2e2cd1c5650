//go:build linux

package faults_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"libobe/capi/status"
	"libobe/internal/socket"
)

// hostileText is a JSON text that needs much memory for each of its bytes.
type hostileText struct {
	name, text string
	pointers   []string // JSON pointers into it
}

func hostileTexts() []hostileText {
	const size = 2 << 20
	many := func(open, item, end string) string { return open + strings.Repeat(item, size/len(item)) + end }
	keys := func() string {
		var b strings.Builder
		b.WriteString(`{"abc":0`)
		for i := 0; b.Len() < size; i++ {
			fmt.Fprintf(&b, `,"%s":0`, strconv.FormatInt(int64(i), 36))
		}
		return b.String() + "}"
	}
	const deep = 500
	return []hostileText{
		{"equal keys", many(`{`, `"":0,`, `"abc":1}`), []string{"", "/abc"}},
		{"different keys", keys(), []string{"", "/abc"}},
		{"keys of escapes", many(`{`, `"\u0000":0,`, `"s":0}`), []string{"", "/s"}},
		{"a long key", many(`{"`, `\n`, `":0}`), []string{"", "/s"}},
		{"a long string", many(`{"s":"`, `\n`, `"}`), []string{"/s"}},
		{"not ASCII", many(`{"s":"`, `é€`, `"}`), []string{"", "/s"}},
		{"digits", many(`{"s":`, `1`, `}`), []string{"/s"}},
		{"a fraction", many(`{"s":0.`, `0`, `1e3000000}`), []string{"/s"}},
		{"commas", many(`{"s":[`, `0,`, `0]}`), []string{"/s", "/s/1000000"}},
		{"rows", many(`[`, `[0],`, `[0]]`), []string{"", "/500000"}},
		{"deep", many(`[`, strings.Repeat("[", deep)+"0"+strings.Repeat("]", deep)+",", `0]`), []string{"", "/1000" + strings.Repeat("/0", deep-1)}},
	}
}

// A function that reads or changes a message either works as it does with enough memory, or
// fails with OBE_E_MEMORY, whatever the message. It never ends the host program.
func TestMessagesWithoutMemory(t *testing.T) {
	program := buildHost(t, "messages")
	for _, hostile := range hostileTexts() {
		t.Run(hostile.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "text")
			must(t, os.WriteFile(file, []byte(hostile.text), 0o600))
			want, _ := messageCalls(t, program, -1, file, hostile)
			for _, left := range []int{30, 70} {
				got, last := messageCalls(t, program, left, file, hostile)
				failed := 0
				for call, s := range got {
					if s == statusName(status.Memory) {
						failed++
					} else if s != want[call] && !strings.Contains(call, "obe_receive_message") {
						t.Errorf("%d MiB: %s: %s, want %s or OBE_E_MEMORY", left, call, s, want[call])
					}
				}
				if got["end"] == "" {
					t.Fatalf("%d MiB: the host program ended after %s", left, last)
				}
				t.Logf("%d MiB: %d calls, %d failed for lack of memory", left, len(got), failed)
			}
		})
	}
}

func statusName(c status.Code) string {
	row, _ := status.Find(c)
	return row.Name
}

// messageCalls runs the program and returns the status of each of its calls, and the end of
// its output.
func messageCalls(t *testing.T, program string, left int, file string, hostile hostileText) (map[string]string, string) {
	t.Helper()
	text := []byte(hostile.text)
	peer, err := socket.NewServer("", 0)
	must(t, err)
	defer peer.Free()
	go shapes["serve"](peer, func([]byte) []byte { return text })
	host, lines, stderr := startHost(t, program, append([]string{fmt.Sprint(peer.Addr().Port()), fmt.Sprint(left), file}, hostile.pointers...)...)
	got := map[string]string{}
	last := ""
	for lines.Scan() {
		last = lines.Text()
		i := strings.LastIndexByte(last, ' ')
		n, err := strconv.Atoi(last[i+1:])
		must(t, err)
		if last[:i] == "port" {
			c := newClient(t, n)
			defer c.Free()
			go func() {
				for err := error(nil); err == nil || name(err) != "OBE_E_CLOSED"; {
					_, err = c.TcmdBody(text, testTimeout)
				}
			}()
			continue
		}
		got[last[:i]] = statusName(status.Code(n))
	}
	_ = host.Wait()
	return got, fmt.Sprintf("%s\n%.3000s", last, stderr)
}
