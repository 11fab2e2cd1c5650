/*
 * An instrument that lets an experiment-design server choose its measurements. The instrument is simulated: its range
 * contains a Lorentzian dip, and each measurement is noisy. The exit status is 3 if the dip was not found.
 *     cc -std=c99 instrument.c -lobe -lm -o instrument && ./instrument 61981
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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

int main(int argc, char **argv)
{
    obe_socket server = NULL;
    double true_centre, mean = 0.0, std = 0.0;
    char message[512] = "";
    obe_status status;

    srand(argc > 2 ? (unsigned)atoi(argv[2]) : (unsigned)time(NULL));
    true_centre = LOLIM + (HILIM - LOLIM) * (0.05 + 0.9 * uniform());
    status = obe_client_new(NULL, argc > 1 ? atoi(argv[1]) : OBE_DEFAULT_PORT, &server);
    if (status == OBE_OK)
        status = run(server, true_centre, &mean, &std);
    if (status != OBE_OK) {
        obe_last_error(server, message, (int64_t)sizeof message, NULL);
        fprintf(stderr, "instrument: %s %s\n", obe_strerror(status), message);
        obe_free(server);
        return 1;
    }
    obe_free(server);
    printf("estimate    %.3f +/- %.3f MHz\ntrue centre %.3f MHz\n", mean, std, true_centre);
    return fabs(mean - true_centre) <= 4.0 * std && std < 1.0 ? 0 : 3;
}
