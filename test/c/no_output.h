/* no_output.h - checks that the library prints nothing: between capture_output_begin and capture_output_end, only failed
 * checks may print. */
#ifndef NO_OUTPUT_H
#define NO_OUTPUT_H

#include "check.h"

/* Standard output and standard error, which are redirected to a pipe. */
struct captured_output {
    int output, error, pipe[2];
};

static inline void capture_output_begin(struct captured_output *s)
{
    fflush(stdout);
    s->output = dup(1);
    s->error = dup(2);
    CHECK(s->output >= 0 && s->error >= 0 && pipe(s->pipe) == 0 && fcntl(s->pipe[0], F_SETFL, O_NONBLOCK) == 0);
    failure_fd = s->error;
    CHECK(dup2(s->pipe[1], 1) == 1 && dup2(s->pipe[1], 2) == 2);
}

/* Checks that nothing was written, and restores the output. */
static inline void capture_output_end(struct captured_output *s)
{
    char written[512];
    ssize_t n = read(s->pipe[0], written, sizeof written - 1);

    if (n > 0) {
        written[n] = 0;
        check_failed(__FILE__, __LINE__, "the library printed: %s", written);
    }
    CHECK(dup2(s->output, 1) == 1 && dup2(s->error, 2) == 2);
    failure_fd = 2;
    close(s->output);
    close(s->error);
    close(s->pipe[0]);
    close(s->pipe[1]);
}

#endif
