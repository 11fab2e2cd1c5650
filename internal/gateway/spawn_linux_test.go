package gateway

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	"libobe/internal/systemtest"
)

// What a designer has started ends with it, and one that does not end when it is asked to is killed.
func TestNothingIsLeftOfADesigner(t *testing.T) {
	for name, end := range map[string]func(*Spawner, *designer){
		"parent":   func(_ *Spawner, d *designer) { _ = d.process.Process.Kill() },
		"stubborn": func(s *Spawner, _ *designer) { s.Close() },
	} {
		told := newEvents()
		s := spawnerOf(t, told, "{address}")
		d, err := s.start(context.Background(), name, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		child := regexp.MustCompile(`child (\d+)`).FindStringSubmatch(fmt.Sprint(told.told(EventOutput)))
		if child == nil {
			t.Fatal(told.told(EventOutput))
		}
		began := time.Now()
		end(s, d)
		within(t, d.ended)
		for limit := time.Now().Add(systemtest.Timeout); ; time.Sleep(time.Millisecond) { // no child of this process
			line, err := os.ReadFile("/proc/" + child[1] + "/cmdline")
			if err != nil || !bytes.Contains(line, []byte("sleep")) {
				break
			}
			if time.Now().After(limit) {
				t.Fatalf("%s: process %s goes on", name, child[1])
			}
		}
		if took := time.Since(began); took > systemtest.Soon {
			t.Errorf("%s: it took %v", name, took)
		}
	}
}
