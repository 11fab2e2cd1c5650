package httpserver

import (
	"io"
	"slices"
	"testing"
)

// A fault in an answer is told in one line.
func TestTellLines(t *testing.T) {
	var told []string
	w := tellLines(func(text string) { told = append(told, text) })
	if _, err := io.WriteString(w, "http: panic serving 127.0.0.1:1: x\ngoroutine 7 [running]:\n"); err != nil || !slices.Equal(told, []string{"http: panic serving 127.0.0.1:1: x"}) {
		t.Errorf("%q, %v", told, err)
	}
}

// The pages of other sites have other names.
func TestIsOwnHost(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1:9464": true, "[::1]:9464": true, "[::1]": true, "10.0.0.7": true, "localhost": true, "LOCALHOST.:1": true,
		"a.localhost:1": true, "Lab3:9464": true, "lab3": true, "": false, "lab3.example.org": false, "evil.example:9464": false, "notlocalhost": false,
	} {
		if got := IsOwnHost(host, "lab3"); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
	if IsOwnHost("", "") || IsOwnHost(":9464", "") {
		t.Error("no name is the own name")
	}
}
