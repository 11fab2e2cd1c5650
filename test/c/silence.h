/* silence.h - for programs whose output must stay as it is: nothing may be written between silence_begin and
 * silence_end but by the checks. */
#ifndef SILENCE_H
#define SILENCE_H

#include "check.h"

/* Standard output and error, which go to a pipe meanwhile. */
struct silence {
    int output, error, pipe[2];
};

static inline void silence_begin(struct silence *s)
{
    fflush(stdout);
    s->output = dup(1);
    s->error = dup(2);
    CHECK(s->output >= 0 && s->error >= 0 && pipe(s->pipe) == 0 && fcntl(s->pipe[0], F_SETFL, O_NONBLOCK) == 0);
    complaints = s->error;
    CHECK(dup2(s->pipe[1], 1) == 1 && dup2(s->pipe[1], 2) == 2);
}

/* Nothing was written. */
static inline void silence_end(struct silence *s)
{
    char said[512];
    ssize_t n = read(s->pipe[0], said, sizeof said - 1);

    if (n > 0) {
        said[n] = 0;
        check_failed(__FILE__, __LINE__, "the library wrote: %s", said);
    }
    CHECK(dup2(s->output, 1) == 1 && dup2(s->error, 2) == 2);
    complaints = 2;
    close(s->output);
    close(s->error);
    close(s->pipe[0]);
    close(s->pipe[1]);
}

#endif
