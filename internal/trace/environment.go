package trace

import "libobe/internal/environment"

// Environment returns the values of OBE_TRACE and OBE_TRACE_LIMIT. Both are empty in a
// program with more rights than the user that started it: that user must not choose a
// file for it to write.
func Environment() (path, limit string) {
	if isSecureExec() {
		return "", ""
	}
	return environment.Get(environment.Trace), environment.Get(environment.TraceLimit)
}
