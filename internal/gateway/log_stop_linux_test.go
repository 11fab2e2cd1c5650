package gateway

import (
	"bytes"
	"testing"
	"time"

	"libobe/internal/recorder"
	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

// A NATS server that has stopped costs lines, and neither time nor memory; what was recorded is there once.
func TestRecordOfAServerThatHasStopped(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	log, events := testLog(t, server.URL(), testSubject, RoleBack)
	waitStream(t, server.URL(), testSubject)
	exchange(log, testSubject, "lab:1", newdat(0), []byte(`"OK"`))
	waitWritten(t, log, 2)
	server.Stop()
	body := append(append([]byte(`"`), bytes.Repeat([]byte("a"), 100<<10)...), '"')
	const exchanges = 1000 // 100 MB
	slowest := time.Duration(0)
	for range exchanges {
		began := time.Now()
		exchange(log, testSubject, "lab:1", newdat(1), body)
		slowest = max(slowest, time.Since(began))
	}
	if slowest > systemtest.Soon {
		t.Errorf("recording took %v", slowest)
	}
	counts := log.Counts()
	if most := int64(2*recorder.MaxQueued/(100<<10)) + 100; counts.Waiting > most || counts.Lost == 0 || counts.Waiting+counts.Lost+counts.Written != 2*exchanges+2 {
		t.Errorf("%+v, and at most %d may wait", counts, most)
	}
	events.find(t, "lost: ", "takes the record too slowly")
	server.Continue()
	for limit := time.Now().Add(2 * systemtest.Timeout); log.Counts().Waiting > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("%+v", log.Counts())
		}
	}
	counts, first := log.Close(func(int64) {})
	if counts.Written+counts.Lost != 2*exchanges+2 || first == nil {
		t.Errorf("%+v, %v", counts, first)
	}
	if entries, _ := history(t, server.URL(), testSubject); int64(len(entries)) != counts.Written {
		t.Errorf("%d lines are there, and %d were written", len(entries), counts.Written)
	}
}

// The end of a program does not wait for a NATS server that has stopped.
func TestEndOfARecordWhoseServerHasStopped(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	log, _ := testLog(t, server.URL(), testSubject, RoleBack)
	waitStream(t, server.URL(), testSubject)
	server.Stop()
	defer server.Continue()
	body := append(append([]byte(`"`), bytes.Repeat([]byte("a"), 900<<10)...), '"')
	for range 30 {
		exchange(log, testSubject, "lab:1", newdat(1), body)
	}
	began, left := time.Now(), int64(0)
	counts, first := log.Close(func(n int64) { left = n })
	if took := time.Since(began); took > closeTime+stuckTime+systemtest.Soon {
		t.Errorf("it took %v", took)
	}
	if counts.Lost != 60 || first == nil || left != 60 {
		t.Errorf("%+v, %v, %d were left", counts, first, left)
	}
}
