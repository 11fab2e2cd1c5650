/*
 * An instrument that lets an experiment-design server choose its measurements.
 *
 * The instrument is simulated: somewhere in its range lies a Lorentzian dip, and each measurement is noisy. The server
 * (examples/python/peak_server.py, or any server of the OBE protocol with that model) proposes a setting, the
 * instrument measures there and reports, and after every round the server tells what it knows by now.
 *
 *     cc -std=c99 instrument.c -lobe -lm -o instrument
 *     ./instrument --port 61981
 *
 * The exit status is 0 if the estimate agrees with the true centre, 1 after a failure, 2 for a wrong option and
 * 3 if the dip was not found.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef _WIN32
#include <io.h>
#define isatty _isatty
#else
#include <unistd.h>
#endif

#include "obe.h"

enum { START_MS = 30000, REPLY_MS = 10000 }; /* patience with a server that starts, and with one that thinks */

/* The simulated experiment, in MHz. */
static const double LOLIM = 2840.0, HILIM = 2900.0; /* the dip's centre lies in here */
static const double NOISE = 0.015;                  /* standard deviation of one measurement */
static const double PICKINESS = 4.0;                /* how strongly the best settings are preferred */

/* ---- random numbers: splitmix64 and Box-Muller, so that a seed gives the same run everywhere ---- */

static uint64_t random_state;

static double uniform(void) /* in (0, 1) */
{
    uint64_t z = (random_state += UINT64_C(0x9E3779B97F4A7C15));

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    return ((double)(z >> 11) + 0.5) / 9007199254740992.0;
}

static double gauss(void)
{
    double radius = sqrt(-2.0 * log(uniform()));

    return radius * cos(6.283185307179586 * uniform());
}

/* ---- the progress line ---- */

static int line_open; /* the cursor stands on an unfinished line */

static void end_line(void)
{
    if (line_open)
        putchar('\n');
    line_open = 0;
    fflush(stdout);
}

/* One line that renews itself on a terminal; now and then a line of its own elsewhere. */
static void show_progress(int round, int rounds, double mean, double std)
{
    int terminal = isatty(1);

    if (!terminal && round % 50 != 0 && round != rounds)
        return;
    printf("%sround %4d of %d: centre %.3f +/- %6.3f MHz", terminal ? "\r" : "", round, rounds, mean, std);
    line_open = 1;
    if (terminal)
        fflush(stdout);
    else
        end_line();
}

/* ---- talking to the server: each function gives 1, or 0 after it has said on stderr what is wrong ---- */

static int complain(const char *what, const char *why)
{
    end_line();
    fprintf(stderr, "instrument: %s: %s\n", what, why);
    return 0;
}

/* Says what failed in the library's own words. */
static int failed(const char *what, obe_socket socket)
{
    char text[512];
    int64_t length = 0;

    if (obe_last_error(socket, text, (int64_t)sizeof text - 1, &length) != OBE_OK)
        return complain(what, "failed");
    text[length] = '\0';
    return complain(what, text);
}

/* Whether a call went well. */
static int check(const char *what, obe_socket server, obe_status status)
{
    return status == OBE_OK ? 1 : failed(what, server);
}

/* Whether a call went well that gives `expected` numbers; *count is how many it gave. */
static int check_count(const char *what, obe_socket server, obe_status status, const int64_t *count, int64_t expected)
{
    if (!check(what, server, status))
        return 0;
    return *count == expected ? 1 : complain(what, "the server answered with another count of numbers than expected");
}

/* Tells the server the range in which to look. What a new run needs is up to the server, hence a document. */
static int begin_run(obe_socket server)
{
    obe_message range = 0;
    int good;

    if (obe_command_new("newrun", &range) != OBE_OK)
        return failed("newrun", 0);
    good = obe_set_double(range, "lolim", LOLIM) == OBE_OK && obe_set_double(range, "hilim", HILIM) == OBE_OK;
    good = good ? check("newrun", server, obe_newrun(server, range, REPLY_MS)) : failed("newrun", range);
    obe_free(range);
    return good;
}

/* ---- the experiment ---- */

static int run_experiment(obe_socket server, int rounds, double true_centre, double *mean, double *std)
{
    double dip[2]; /* depth and width */
    int64_t n = 0;
    int round;

    if (obe_wait_ready(server, START_MS) != OBE_OK)
        return failed("waiting for the server", server);
    if (!begin_run(server))
        return 0;
    /* The simulated sample has the depth and width that the server assumes; its centre is the instrument's secret. */
    if (!check_count("getcon", server, obe_getcon(server, dip, 2, &n, REPLY_MS), &n, 2))
        return 0;

    for (round = 1; round <= rounds; round++) {
        double setting, distance, signal;

        if (!check_count("goodset", server, obe_goodset(server, PICKINESS, &setting, 1, &n, REPLY_MS), &n, 1))
            return 0;

        distance = (setting - true_centre) * 2.0 / dip[1];
        signal = 1.0 - dip[0] / (distance * distance + 1.0) + NOISE * gauss();

        if (!check("newdat", server, obe_newdat(server, &setting, 1, &signal, 1, &NOISE, 1, REPLY_MS)) ||
            !check_count("getmean", server, obe_getmean(server, mean, 1, &n, REPLY_MS), &n, 1) ||
            !check_count("getstd", server, obe_getstd(server, std, 1, &n, REPLY_MS), &n, 1))
            return 0;
        show_progress(round, rounds, *mean, *std);
    }
    end_line();
    return 1;
}

/* ---- the command line ---- */

struct options {
    const char *address;
    long port, rounds;
    uint64_t seed;
    int done;
};

static int usage(void)
{
    fputs("usage: instrument [--address ADDRESS] [--port PORT] [--rounds N] [--seed N] [--done]\n"
          "  --address  where the server runs (default: this computer)\n"
          "  --port     its port (default: 61981)\n"
          "  --rounds   measurements to make (default: 200)\n"
          "  --seed     repeats the run of that seed; without it every run differs\n"
          "  --done     ends the server afterwards\n",
          stderr);
    return 0;
}

static int read_whole(const char *text, long low, long high, long *value)
{
    char *end;

    *value = strtol(text, &end, 10);
    return end != text && *end == '\0' && *value >= low && *value <= high;
}

static int read_options(int argc, char **argv, struct options *options)
{
    long seed;
    int i;

    for (i = 1; i < argc; i++) {
        const char *name = argv[i];

        if (strcmp(name, "--done") == 0)
            options->done = 1;
        else if (++i == argc)
            return usage();
        else if (strcmp(name, "--address") == 0)
            options->address = argv[i];
        else if (strcmp(name, "--port") == 0 && read_whole(argv[i], 1, 65535, &options->port))
            continue;
        else if (strcmp(name, "--rounds") == 0 && read_whole(argv[i], 1, 1000000, &options->rounds))
            continue;
        else if (strcmp(name, "--seed") == 0 && read_whole(argv[i], 0, 2147483647, &seed))
            options->seed = (uint64_t)seed;
        else
            return usage();
    }
    return 1;
}

int main(int argc, char **argv)
{
    struct options options = {NULL, OBE_DEFAULT_PORT, 200, 0, 0};
    obe_socket server = 0;
    double true_centre, mean = 0.0, std = 0.0, off;
    int finished, found = 0;

    /* Where the stack lies differs from run to run, so runs within one second differ too. */
    random_state = (uint64_t)time(NULL) * 1000003U + (uint64_t)(uintptr_t)&options;
    options.seed = (uint64_t)(uniform() * 2147483647.0);
    if (!read_options(argc, argv, &options))
        return 2;
    random_state = options.seed;
    true_centre = LOLIM + (HILIM - LOLIM) * (0.05 + 0.9 * uniform());

    if (obe_client_new(options.address, (int32_t)options.port, &server) != OBE_OK) {
        failed("making the client", 0);
        return 1;
    }
    finished = run_experiment(server, (int)options.rounds, true_centre, &mean, &std);
    if (finished) {
        off = fabs(mean - true_centre) / std;
        found = off <= 4.0 && std > 0.0 && std < (HILIM - LOLIM) / 20.0;
        printf("estimate    %.3f +/- %.3f MHz%s\n", mean, std, found ? "" : ": the dip was not found");
        printf("true centre %.3f MHz, %.1f standard deviations away (seed %lu)\n", true_centre, off,
               (unsigned long)options.seed);
        if (options.done)
            finished = check("done", server, obe_done(server, REPLY_MS));
    }
    if (obe_free(server) != OBE_OK)
        finished = failed("freeing the client", 0);
    return !finished ? 1 : found ? 0 : 3;
}
