package monitor

// Counts are how many messages, runs, errors and damaged lines a model has been fed with.
type Counts struct{ Messages, Runs, Errors, Damaged int64 }

// Counts returns what the model has been fed with so far.
func (m *Model) Counts() Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Counts{m.messages, int64(m.begun), m.errors, int64(m.damaged)}
}
