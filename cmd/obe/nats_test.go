package main

import (
	"strings"
	"testing"
)

func TestParseNATS(t *testing.T) {
	for text, want := range map[string]natsAddress{
		"nats://hub":                        {"nats://hub:4222", "nats://hub:4222", ""},
		"nats://hub/":                       {"nats://hub:4222", "nats://hub:4222", ""},
		"tls://hub:4443/obe.lab1.nv3":       {"tls://hub:4443", "tls://hub:4443", "obe.lab1.nv3"},
		"NATS://[::1]:14222":                {"nats://[::1]:14222", "nats://[::1]:14222", ""},
		"nats://ann:se%40cret@a,b:5/obe.x":  {"nats://ann:se%40cret@a:4222,nats://ann:se%40cret@b:5", "nats://a:4222,b:5", "obe.x"},
		"nats://ann:1@a,bob:2@b,c":          {"nats://ann:1@a:4222,nats://bob:2@b:4222,nats://bob:2@c:4222", "nats://a:4222,b:4222,c:4222", ""},
		"nats://a-token@hub:4222/obe.a.b.c": {"nats://a-token@hub:4222", "nats://hub:4222", "obe.a.b.c"},
	} {
		if got, err := parseNATS(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

// No error about an address tells its password, wherever the mistake is.
func TestParseNATSKeepsSecrets(t *testing.T) {
	for _, text := range []string{
		"http://u:s3cret@hub", "u:s3cret@hub", "nats://u:s3cret@", "nats://u:s3cret@hub:port", "nats://u:s3cret@hub:99999",
		"nats://u:s3cret/s3cret@hub", "nats://u:s3cret,1:s3cret@hub", "nats://u:1,s3cret@hub", "nats://u:1#s3cret@hub",
		"nats://u:1?s3cret@hub", "nats://u:s3cret%zz@hub", "nats://u:s3cret@hub:4222,", "nats://u:s3cret@h ub",
		"nats://u:s3cret@hub/a..b", "nats://u:s3cret@hub/a/b", "nats://u:s3cret@hub/>", "nats://u:s3cret@@hub:x",
	} {
		got, err := parseNATS(text)
		if err == nil {
			t.Errorf("%s is accepted as %+v", text, got)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", text, err)
		}
	}
	got, err := parseNATS("nats://u:s3cret@hub/obe.x")
	if err != nil || strings.Contains(got.String(), "s3cret") {
		t.Error(got.String(), err)
	}
	// One without a secret is shown.
	for text, want := range map[string]string{
		"":                  "write nats://hub:4222",
		"hub:4222":          "write nats://hub:4222",
		"http://hub":        "and not http://",
		"nats://hub:123456": "the port of hub is not a number from 1 to 65535",
		"nats://hub,,b":     "the 2nd host of it is missing",
	} {
		if _, err := parseNATS(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
