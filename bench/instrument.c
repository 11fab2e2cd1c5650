/*
 * An instrument that measures a Lorentzian dip where a designer tells it to: find_peak's experiment. run.py sends the
 * commands:
 *
 *     runs PORT MODE RUNS ROUNDS PARTICLES STEPS SEED
 *
 * Each run begins with newrun and has other true values. The time of a round is that of the exchanges of goodset and of
 * newdat. MODE is oneshot, with a connection for each exchange, or kept.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

static struct reader reader;
static int port, kept;
static char reply[256];

static uint64_t ask(const char *command) /* returns its time in ns */
{
    uint64_t began = now_ns();
    long length;
    if (!kept || reader.fd <= 0) {
        reader.fd = baseline_connect(port);
        reader.start = reader.end = 0;
    }
    require(baseline_write(reader.fd, command, strlen(command)), "the server has disconnected");
    length = baseline_read(&reader, reply, sizeof reply - 1);
    if (!kept)
        close(reader.fd);
    began = now_ns() - began;
    require(length >= 0, "the server has disconnected");
    reply[length] = 0;
    require(strstr(reply, "error") == NULL, reply);
    return began;
}

static double uniform(double low, double high) { return low + (high - low) * drand48(); }

static void run(size_t rounds, const char *particles, const char *steps, long seed, uint64_t *ns)
{
    char command[256];
    double centre, depth, width;
    snprintf(command, sizeof command,
             "{\"command\": \"newrun\", \"seed\": %ld, \"particles\": %s, \"settings.frequency.steps\": %s}", seed,
             particles, steps);
    ask(command);
    srand48(seed);
    centre = uniform(1.6, 3.4);
    depth = uniform(0.02, 0.08);
    width = uniform(0.02, 0.05);
    for (size_t i = 0; i < rounds; i++) {
        double x, y, u, noise = 0.005;
        ns[i] = ask("{\"command\": \"goodset\", \"pickiness\": 4}");
        x = strtod(reply + strcspn(reply, "0123456789"), NULL);
        u = (x - centre) * 2 / width;
        y = 1 - depth / (1 + u * u);
        y += noise * sqrt(-2 * log(1 - drand48())) * cos(6.283185307179586 * drand48());
        snprintf(command, sizeof command, "{\"command\": \"newdat\", \"x\": [%.17g], \"y\": [%.17g], \"s\": [%g]}", x,
                 y, noise);
        ns[i] += ask(command);
    }
}

int main(void)
{
    char *words[WORDS];
    while (next_command(words)) {
        size_t runs = strtoul(words[3], NULL, 10), rounds = strtoul(words[4], NULL, 10);
        uint64_t *ns = allocate(runs * rounds * sizeof *ns), began = now_ns();
        port = atoi(words[1]);
        kept = strcmp(words[2], "kept") == 0;
        for (size_t i = 0; i < runs; i++)
            run(rounds, words[5], words[6], atol(words[7]) + (long)i, ns + i * rounds);
        report(ns, runs * rounds, (double)(now_ns() - began) / 1e9);
        free(ns);
        if (kept)
            close(reader.fd);
        reader.fd = 0;
    }
    return 0;
}
