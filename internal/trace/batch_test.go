package trace

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"libobe/internal/systemtest"
)

func TestWriteAllIsWriteOfEach(t *testing.T) {
	directory := systemtest.TempDir(t)
	records := []Record{record("1"), record(`"` + strings.Repeat("x", maxBatch) + `"`), record("[2]"), record("3")}
	records[1].Body = records[1].Body[:maxBatch/2]
	records[1].Body[len(records[1].Body)-1] = '"'
	for range 200 {
		records = append(records, record(`"many"`))
	}
	one, all := filepath.Join(directory, "one"), filepath.Join(directory, "all")
	for _, r := range records {
		must(t, Write(one, 1<<40, r))
	}
	if n, err := WriteAll(all, 1<<40, records); n != len(records) || err != nil {
		t.Fatal(n, err)
	}
	want, err := os.ReadFile(one)
	must(t, err)
	got, err := os.ReadFile(all)
	must(t, err)
	if string(got) != string(want) {
		t.Errorf("%d bytes are written, and not %d", len(got), len(want))
	}
	n, err := WriteAll(directory, 1<<40, records)
	if n != 0 || err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("to a directory: %d, %v", n, err)
	}
}
