package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

// results are the outcomes of a sample; nil where there is none yet.
type results struct {
	Ours, Even, Theirs *outcome `json:",omitempty"`
}

// kept is a file with the results of a study, of one seed and number of measurements. The last line of a sample counts.
type kept struct {
	mu   sync.Mutex
	file *os.File
	done map[string]results
}

type line struct {
	Experiment string
	Sample     int
	Results    results
}

func (l *line) key() string { return fmt.Sprint(l.Experiment, " ", l.Sample) }

// keep opens the file, and reads what it has.
func keep(path string) (*kept, error) {
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	k := &kept{done: map[string]results{}}
	whole := text[:bytes.LastIndexByte(text, '\n')+1] // the last line may be cut off
	for _, one := range bytes.Split(bytes.TrimSpace(whole), []byte("\n")) {
		var l line
		if len(one) == 0 {
			continue
		}
		if err := json.Unmarshal(one, &l); err != nil {
			return nil, fmt.Errorf("read results from %q: %w; remove the file to begin again", path, err)
		}
		k.done[l.key()] = l.Results
	}
	if k.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644); err != nil {
		return nil, err
	}
	if err := k.file.Truncate(int64(len(whole))); err != nil {
		return nil, err
	}
	_, err = k.file.Seek(0, 2)
	return k, err
}

func (k *kept) find(experiment string, sample int) results {
	if k == nil {
		return results{}
	}
	l := line{Experiment: experiment, Sample: sample}
	return k.done[l.key()]
}

func (k *kept) add(experiment string, sample int, r results) error {
	if k == nil {
		return nil
	}
	text, err := json.Marshal(line{experiment, sample, r})
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	_, err = k.file.Write(append(text, '\n'))
	return err
}
