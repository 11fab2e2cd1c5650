/*
 * An instrument that lets an experiment-design server choose its measurements. The instrument is simulated: its range
 * contains a Lorentzian dip, and each measurement is noisy. The exit status is 3 if the dip was not found.
 *     cc -std=c99 instrument.c -lobe -lm -o instrument && ./instrument --port 61981
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "obe.h"

enum { START_MS = 30000, REPLY_MS = 10000 };
static const double LOLIM = 2840.0, HILIM = 2900.0; /* the range of the dip's centre, in MHz */
static const double NOISE = 0.015;                  /* standard deviation of one measurement */

static double uniform(void) { return (rand() + 0.5) / (RAND_MAX + 1.0); }

static double gauss(void) { return sqrt(-2.0 * log(uniform())) * cos(6.283185307179586 * uniform()); }

/* Measures 200 times. Returns the status of the first call that fails. */
static obe_status run(obe_socket server, double true_centre, double *mean, double *std)
{
    obe_message range = NULL;
    double dip[2]; /* depth and width, as the server assumes them; the simulated sample has the same */
    int64_t n;
    obe_status status = obe_wait_ready(server, START_MS);

    if (status == OBE_OK)
        status = obe_message_new("{}", -1, &range);
    if (status == OBE_OK)
        status = obe_set_double(range, "lolim", LOLIM);
    if (status == OBE_OK)
        status = obe_set_double(range, "hilim", HILIM);
    if (status == OBE_OK)
        status = obe_newrun(server, range, REPLY_MS);
    obe_message_free(range);
    if (status == OBE_OK)
        status = obe_getcon(server, dip, 2, &n, REPLY_MS);
    if (status == OBE_OK && n != 2)
        status = OBE_E_REPLY; /* a server for another experiment */
    for (int round = 0; status == OBE_OK && round < 200; round++) {
        double setting = LOLIM, distance, signal;

        status = obe_goodset(server, 4, &setting, 1, &n, REPLY_MS);
        if (status != OBE_OK)
            break;
        distance = (setting - true_centre) * 2.0 / dip[1];
        signal = 1.0 - dip[0] / (distance * distance + 1.0) + NOISE * gauss();
        status = obe_newdat(server, &setting, 1, &signal, 1, &NOISE, 1, REPLY_MS);
    }
    if (status == OBE_OK)
        status = obe_getmean(server, mean, 1, &n, REPLY_MS);
    if (status == OBE_OK)
        status = obe_getstd(server, std, 1, &n, REPLY_MS);
    return status == OBE_OK ? obe_done(server, REPLY_MS) : status;
}

/* Reads the command line. Returns -1, or the status with which the program has to end. */
static int read_options(int argc, char **argv, int32_t *port, unsigned *seed)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("usage: %s [--port PORT] [--seed N] [--help]\n"
               "  --port  the port of the server on this machine (default: 61981)\n"
               "  --seed  makes every draw repeatable\n",
               argv[0]);
        return 0;
    }
    for (int i = 1; i < argc; i += 2) {
        const int is_port = strcmp(argv[i], "--port") == 0;
        const int largest = is_port ? 65535 : 99999;
        const char *text = i + 1 < argc ? argv[i + 1] : "";
        const size_t digits = strspn(text, "0123456789");
        if (!is_port && strcmp(argv[i], "--seed") != 0) {
            fprintf(stderr, "%s: %s is not an option; see %s --help\n", argv[0], argv[i], argv[0]);
            return 2;
        }
        if (digits == 0 || digits > 5 || text[digits] != '\0' || atoi(text) > largest) {
            fprintf(stderr, "%s: %s needs a whole number from 0 to %d, not \"%s\"\n", argv[0], argv[i], largest, text);
            return 2;
        }
        if (is_port)
            *port = (int32_t)atoi(text);
        else
            *seed = (unsigned)atoi(text);
    }
    return -1;
}

int main(int argc, char **argv)
{
    obe_socket server = NULL;
    double true_centre, mean = 0.0, std = 0.0;
    char message[512] = "";
    obe_status status;
    int32_t port = OBE_DEFAULT_PORT;
    unsigned seed = (unsigned)time(NULL);
    const int exit_status = read_options(argc, argv, &port, &seed);

    if (exit_status >= 0)
        return exit_status;
    srand(seed);
    true_centre = LOLIM + (HILIM - LOLIM) * (0.05 + 0.9 * uniform());
    status = obe_client_new(NULL, port, &server);
    if (status == OBE_OK)
        status = run(server, true_centre, &mean, &std);
    if (status != OBE_OK) {
        obe_last_error(server, message, (int64_t)sizeof message, NULL);
        fprintf(stderr, "%s: %s %s\n", argv[0], obe_strerror(status), message);
        obe_free(server);
        return 1;
    }
    obe_free(server);
    printf("estimate    %.3f +/- %.3f MHz\ntrue centre %.3f MHz\n", mean, std, true_centre);
    return fabs(mean - true_centre) <= 4.0 * std && std < 1.0 ? 0 : 3;
}
