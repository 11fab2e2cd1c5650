/*
 * The measuring side in C: an instrument that lets an experiment-design server choose its settings.
 *
 * The instrument is simulated: its range contains a Lorentzian dip, which only `measure` knows, and each measurement is
 * noisy. The server (server.cpp, or any server of the OBE protocol with that model) proposes a setting, and the
 * instrument measures there and reports the result. After each round it asks the server for its current estimate.
 *
 *     cc -std=c99 instrument.c $(pkg-config --cflags --libs libobe) -lm -o instrument
 *     ./instrument --port 61981
 *
 * The exit status is 0 if the estimate agrees with the true centre, 1 after a failure, 2 for an invalid option and 3 if
 * the dip was not found.
 */
#define _POSIX_C_SOURCE 200112L /* for clock_gettime, isatty and popen */

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef _WIN32
#include <io.h>
#include <windows.h>
#define isatty _isatty
#define popen _popen
#define pclose _pclose
#define PYTHON "python"
#else
#include <unistd.h>
#define PYTHON "python3"
#endif

#include "obe.h"

enum { START_MS = 30000, REPLY_MS = 10000 }; /* timeouts for a server to start, and for a reply */
enum { CENTRE, DEPTH, WIDTH, PARAMETERS };   /* in the order of the server's model */

static const double LOLIM = 1.5, HILIM = 3.5; /* the settings, in GHz */
static const int STEPS = 200;
static const double PICKINESS = 4; /* how strongly the best settings are preferred */
static const double NOISE = 0.005; /* standard deviation of one measurement */

/* The command of --plot, for the directory that contains plot.py. */
static const char PLOT[] = PYTHON " plot.py --live - find_peak.png find_peak.svg";

/* ---- random numbers: splitmix64 and Box-Muller, so that a seed produces the same run on every system ---- */

static uint64_t random_state;

static double uniform(double low, double high)
{
    uint64_t z = (random_state += UINT64_C(0x9E3779B97F4A7C15));

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    return low + (high - low) * (((double)(z >> 11) + 0.5) / 9007199254740992.0);
}

static double gauss(void)
{
    double radius = sqrt(-2.0 * log(uniform(0, 1)));

    return radius * cos(6.283185307179586 * uniform(0, 1));
}

/* ---- time ---- */

static double now_ms(void)
{
#ifdef _WIN32
    LARGE_INTEGER ticks, rate;

    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&rate);
    return 1e3 * (double)ticks.QuadPart / (double)rate.QuadPart;
#else
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
#endif
}

static void wait_ms(long ms)
{
#ifdef _WIN32
    Sleep((DWORD)ms);
#else
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&t, NULL);
#endif
}

/* ---- the simulated instrument ---- */

static double truth[PARAMETERS];

static void prepare_sample(void)
{
    truth[CENTRE] = uniform(1.6, 3.4);
    truth[DEPTH] = uniform(0.02, 0.08);
    truth[WIDTH] = uniform(0.02, 0.05);
}

static double measure(double setting, long dwell_ms)
{
    double u = (setting - truth[CENTRE]) * 2 / truth[WIDTH];

    wait_ms(dwell_ms);
    return 1 - truth[DEPTH] / (u * u + 1) + NOISE * gauss();
}

/* ---- the progress line ---- */

static int line_open; /* the cursor is on an unfinished line */

static void end_line(void)
{
    if (line_open)
        putchar('\n');
    line_open = 0;
    fflush(stdout);
}

/* On a terminal a bar that grows, and otherwise a line every 50 rounds. */
static void show_progress(const char *name, int round, int rounds, const double *mean, const double *std)
{
    static const char full[] = "##############################", empty[] = "..............................";
    const int width = (int)sizeof full - 1, done = (int)((double)width * round / rounds);

    if (isatty(1))
        printf("\r%-8s %4d/%d [%.*s%.*s]", name, round, rounds, done, full, width - done, empty);
    else if (round % 50 == 0 || round == rounds)
        printf("%-8s %4d/%d", name, round, rounds);
    else
        return;
    printf(" centre %.4f +/- %.4f GHz", mean[CENTRE], std[CENTRE]);
    line_open = 1;
    if (isatty(1))
        fflush(stdout);
    else
        end_line();
}

/* ---- the server: each function returns 1, or prints what failed and returns 0 ---- */

static int print_error(const char *what, const char *why)
{
    end_line();
    fprintf(stderr, "instrument: %s: %s\n", what, why);
    return 0;
}

/* Checks the status of a call on a handle, and prints the library's error message. */
static int check(const char *what, const void *handle, obe_status status)
{
    char text[512];
    int64_t length = 0;

    if (status == OBE_OK)
        return 1;
    if (obe_last_error(handle, text, (int64_t)sizeof text - 1, &length) != OBE_OK)
        return print_error(what, obe_strerror(status));
    text[length] = '\0';
    return print_error(what, text);
}

/* The same for a call that has to return `expected` numbers; *count is how many it returned. */
static int check_count(const char *what, obe_socket server, obe_status status, const int64_t *count, int64_t expected)
{
    if (!check(what, server, status))
        return 0;
    return *count == expected ? 1 : print_error(what, "the server returned a different number of values than expected");
}

/* Sends the settings to the server. What a new run needs depends on the server, so it is a message. */
static int begin_run(obe_socket server)
{
    obe_message fields = NULL;
    int good = check("newrun", NULL, obe_command_new("newrun", &fields)) &&
               check("newrun", fields, obe_set_double(fields, "lolim", LOLIM)) &&
               check("newrun", fields, obe_set_double(fields, "hilim", HILIM)) &&
               check("newrun", fields, obe_set_int(fields, "steps", STEPS)) &&
               check("newrun", server, obe_newrun(server, fields, REPLY_MS));

    obe_message_free(fields);
    return good;
}

/* ---- the outputs of each round ---- */

enum { LOG, DRAWING, OUTPUTS };

static FILE *outputs[OUTPUTS]; /* a file, and a pipe to plot.py; NULL without the option */

static void record(const char *format, ...)
{
    int i;

    for (i = 0; i < OUTPUTS; i++)
        if (outputs[i] != NULL) {
            va_list values;

            va_start(values, format);
            vfprintf(outputs[i], format, values);
            va_end(values);
            fflush(outputs[i]); /* plot.py draws while this program measures */
        }
}

/* Opens the log and the plot that the options ask for. The first row is the truth. */
static int open_outputs(const char *log, int plot)
{
    if (log != NULL && (outputs[LOG] = fopen(log, "w")) == NULL)
        return print_error(log, "the file cannot be written");
#ifndef _WIN32
    if (plot)
        signal(SIGPIPE, SIG_IGN); /* the measurement continues if plot.py exits */
#endif
    if (plot && (outputs[DRAWING] = popen(PLOT, "w")) == NULL)
        return print_error(PLOT, "cannot be started");
    record("run,round,setting,signal,centre,depth,width,centre_std,depth_std,width_std\n"
           "truth,0,,,%.10g,%.10g,%.10g,,,\n",
           truth[CENTRE], truth[DEPTH], truth[WIDTH]);
    return 1;
}

static int close_log(const char *log)
{
    if (outputs[LOG] == NULL || (ferror(outputs[LOG]) | fclose(outputs[LOG])) == 0)
        return 1;
    return print_error(log, "the log could not be written");
}

/* Waits until plot.py has drawn the figure and the user has closed its window. */
static int close_drawing(void)
{
    if (outputs[DRAWING] == NULL || pclose(outputs[DRAWING]) == 0)
        return 1;
    return print_error("--plot", "plot.py failed; it needs matplotlib, and has to be in the current directory");
}

/* ---- the experiment ---- */

struct options {
    const char *address, *log;
    long port, rounds, dwell;
    uint64_t seed;
    int compare, plot, persistent, done;
};

struct result {
    double mean[PARAMETERS], std[PARAMETERS];
    double round_ms; /* the median time of goodset and newdat together */
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Measures at the settings that the server chooses, or, unless `designed`, at evenly spaced ones. */
static int run_experiment(obe_socket server, int designed, const struct options *options, struct result *result)
{
    const int rounds = (int)options->rounds;
    const char *name = designed ? "designed" : "even";
    double *times = malloc((size_t)rounds * sizeof *times);
    double *mean = result->mean, *std = result->std;
    int64_t n = 0;
    int round, good = times != NULL ? begin_run(server) : print_error(name, "out of memory");

    for (round = 1; good && round <= rounds; round++) {
        double setting = rounds > 1 ? LOLIM + (HILIM - LOLIM) * (round - 1) / (rounds - 1) : LOLIM;
        double signal, time = -now_ms();

        if (designed &&
            !check_count("goodset", server, obe_goodset(server, PICKINESS, &setting, 1, &n, REPLY_MS), &n, 1))
            good = 0;
        time += now_ms();
        signal = measure(setting, options->dwell);
        time -= now_ms();
        good = good && check("newdat", server, obe_newdat(server, &setting, 1, &signal, 1, &NOISE, 1, REPLY_MS));
        times[round - 1] = time + now_ms();

        good = good &&
               check_count("getmean", server, obe_getmean(server, mean, PARAMETERS, &n, REPLY_MS), &n, PARAMETERS) &&
               check_count("getstd", server, obe_getstd(server, std, PARAMETERS, &n, REPLY_MS), &n, PARAMETERS);
        if (!good)
            break;
        show_progress(name, round, rounds, mean, std);
        record("%s,%d,%.10g,%.10g,%.10g,%.10g,%.10g,%.10g,%.10g,%.10g\n", name, round, setting, signal, mean[CENTRE],
               mean[DEPTH], mean[WIDTH], std[CENTRE], std[DEPTH], std[WIDTH]);
    }
    end_line();
    if (good) {
        qsort(times, (size_t)rounds, sizeof *times, ascending);
        result->round_ms = times[rounds / 2];
    }
    free(times);
    return good;
}

/* ---- the command line ---- */

static void print_usage(FILE *stream, const char *program)
{
    fprintf(stream, "usage: %s", program);
    fputs(" [--address ADDRESS] [--port PORT] [--rounds N] [--dwell MS] [--seed N] [--compare]\n"
          "       [--log FILE] [--plot] [--persistent] [--done] [--help]\n"
          "  --address     the address of the server (default: this computer)\n"
          "  --port        its port (default: 61981)\n"
          "  --rounds      the number of measurements (default: 200)\n"
          "  --dwell       the time of a measurement in milliseconds (default: 0)\n"
          "  --seed        repeats the sample and the noise of that seed; without it every run differs\n"
          "  --compare     measures the sample again, at evenly spaced settings\n"
          "  --log         writes each round to a file, for plot.py\n"
          "  --plot        runs plot.py of this directory, which draws on the screen, find_peak.png and find_peak.svg\n"
          "  --persistent  keeps the connection open; not for servers in Python\n"
          "  --done        stops the server afterwards\n"
          "  --help        prints this text\n",
          stream);
}

static int read_whole(const char *text, long low, long high, long *value)
{
    char *end;

    *value = strtol(text, &end, 10);
    return end != text && *end == '\0' && *value >= low && *value <= high;
}

/* Says that the value of an option is not one. Returns 2, the exit status. */
static int wrong_value(char **argv, int i, long low, long high)
{
    fprintf(stderr, "%s: %s needs a whole number from %ld to %ld, not \"%s\"\n", argv[0], argv[i - 1], low, high,
            argv[i]);
    print_usage(stderr, argv[0]);
    return 2;
}

/* Reads the command line. Returns -1, or the status with which the program has to end. */
static int read_options(int argc, char **argv, struct options *options)
{
    static const struct {
        const char *name;
        long low, high;
    } WHOLE[] = {{"--port", 1, 65535}, {"--rounds", 1, 1000000}, {"--dwell", 0, 1000000}, {"--seed", 0, 2147483647}};
    enum { NUMBERS = sizeof WHOLE / sizeof *WHOLE };
    long seed = -1, *const values[NUMBERS] = {&options->port, &options->rounds, &options->dwell, &seed};
    int i, k;

    for (i = 1; i < argc; i++) {
        const char *name = argv[i];

        for (k = 0; k < NUMBERS && strcmp(name, WHOLE[k].name) != 0; k++)
            continue;
        if (strcmp(name, "--help") == 0) {
            print_usage(stdout, argv[0]);
            return 0;
        }
        if (strcmp(name, "--done") == 0)
            options->done = 1;
        else if (strcmp(name, "--compare") == 0)
            options->compare = 1;
        else if (strcmp(name, "--plot") == 0)
            options->plot = 1;
        else if (strcmp(name, "--persistent") == 0)
            options->persistent = 1;
        else if (k == NUMBERS && strcmp(name, "--address") != 0 && strcmp(name, "--log") != 0) {
            fprintf(stderr, "%s: %s is not an option\n", argv[0], name);
            print_usage(stderr, argv[0]);
            return 2;
        } else if (++i == argc) {
            fprintf(stderr, "%s: %s needs a value\n", argv[0], name);
            print_usage(stderr, argv[0]);
            return 2;
        } else if (strcmp(name, "--address") == 0)
            options->address = argv[i];
        else if (strcmp(name, "--log") == 0)
            options->log = argv[i];
        else if (!read_whole(argv[i], WHOLE[k].low, WHOLE[k].high, values[k]))
            return wrong_value(argv, i, WHOLE[k].low, WHOLE[k].high);
    }
    if (seed >= 0)
        options->seed = (uint64_t)seed;
    return -1;
}

static void print_result(const char *name, const struct result *result)
{
    const double *mean = result->mean, *std = result->std;

    printf("%-16s%.4f +/- %.4f  %.4f +/- %.4f  %.4f +/- %.4f\n", name, mean[CENTRE], std[CENTRE], mean[DEPTH],
           std[DEPTH], mean[WIDTH], std[WIDTH]);
}

int main(int argc, char **argv)
{
    struct options options = {NULL, NULL, OBE_DEFAULT_PORT, 200, 0, 0, 0, 0, 0, 0};
    struct result designed = {{0}, {0}, 0}, even = {{0}, {0}, 0};
    obe_socket server = NULL;
    int good, found = 0, exit_status;

    /* The address of a local variable differs from run to run, so runs within one second differ too. */
    random_state = (uint64_t)time(NULL) * 1000003U + (uint64_t)(uintptr_t)&options;
    options.seed = (uint64_t)uniform(0, 2147483647);
    exit_status = read_options(argc, argv, &options);
    if (exit_status >= 0)
        return exit_status;
    random_state = options.seed;
    prepare_sample();

    good = check("client", NULL, obe_client_new(options.address, (int32_t)options.port, &server)) &&
           (!options.persistent || check("persistent", server, obe_set_option(server, OBE_OPT_PERSISTENT, "1"))) &&
           open_outputs(options.log, options.plot) && check("server", server, obe_wait_ready(server, START_MS)) &&
           run_experiment(server, 1, &options, &designed) &&
           (!options.compare || run_experiment(server, 0, &options, &even)) &&
           (!options.done || check("done", server, obe_done(server, REPLY_MS)));
    good = close_log(options.log) && good;
    obe_free(server);
    if (!good) {
        close_drawing();
        return 1;
    }

    printf("%-16s%-19s%-19s%s\n", "", "centre (GHz)", "depth", "width (GHz)");
    printf("%-16s%-19.4f%-19.4f%.4f\n", "truth", truth[CENTRE], truth[DEPTH], truth[WIDTH]);
    print_result("estimate", &designed);
    if (options.compare)
        print_result("evenly spaced", &even);
    printf("seed %lu; a round of goodset and newdat took %.3f ms (median)\n", (unsigned long)options.seed,
           designed.round_ms);
    found =
        fabs(designed.mean[CENTRE] - truth[CENTRE]) <= 4 * designed.std[CENTRE] && designed.std[CENTRE] < truth[WIDTH];
    fflush(stdout);
    if (!close_drawing())
        return 1;
    if (!found)
        fputs("instrument: the dip was not found\n", stderr);
    return found ? 0 : 3;
}
