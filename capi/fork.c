//go:build !windows

#include "fork.h"

volatile int capi_in_child;

static void note_child(void) { capi_in_child = 1; }

int capi_watch_forks(void) { return pthread_atfork(0, 0, note_child); }
