/* no_output.h - for programs whose output must stay as it is: nothing may be written between capture_output_begin and
 * capture_output_end but by the checks. */
#ifndef NO_OUTPUT_H
#define NO_OUTPUT_H

#include "check.h"

/* Standard output and error, which go to a pipe meanwhile. */
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

/* Nothing was written. */
static inline void capture_output_end(struct captured_output *s)
{
    char said[512];
    ssize_t n = read(s->pipe[0], said, sizeof said - 1);

    if (n > 0) {
        said[n] = 0;
        check_failed(__FILE__, __LINE__, "the library wrote: %s", said);
    }
    CHECK(dup2(s->output, 1) == 1 && dup2(s->error, 2) == 2);
    failure_fd = 2;
    close(s->output);
    close(s->error);
    close(s->pipe[0]);
    close(s->pipe[1]);
}

#endif
