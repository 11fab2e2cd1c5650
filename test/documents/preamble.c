/* The names that a fragment of C in the documents may use. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "obe.h"

extern obe_socket client, server;
extern obe_message request, message, command, reply;
extern obe_status status;
extern char buffer[4096], why[512];
extern int64_t capacity, length, count, rows, cols;
extern double setting[4], mean[8], deviation[8], value, y, s;
extern double values[1000000], frequencies[100000], *intensity;
extern volatile sig_atomic_t stop;

extern double measure(double setting);
extern double design(obe_message request);
extern void plot(const double *values, int64_t count);
extern void handle(obe_message request, void *user);
extern int fragment(void);
