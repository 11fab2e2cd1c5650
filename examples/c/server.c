/*
 * A complete experiment-design server in C. It looks for the centre of a dip: a grid of candidates, each with its
 * weight, and as the next setting the one where the candidates' predictions differ most.
 *     cc -std=c99 server.c -lobe -lm -o server && ./server 61981
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "obe.h"

enum { N = 401 };
static const double LOLIM = 2840.0, HILIM = 2900.0, DEPTH = 0.1, WIDTH = 3.0;
static const double CELL = (2900.0 - 2840.0) / (N - 1) / 3.4641016; /* what a grid cannot tell apart, as a deviation */
static double centre[N], weight[N];

static double signal(int i, double f) /* what candidate i predicts at setting f */
{
    double u = (f - centre[i]) * 2.0 / WIDTH;
    return 1.0 - DEPTH / (u * u + 1.0);
}

static double identity(int i, double f) { return centre[i] + 0.0 * f; }

static double moments(double (*quantity)(int, double), double f, double *std)
{
    double mean = 0.0, square = 0.0;
    for (int i = 0; i < N; i++) {
        mean += weight[i] * quantity(i, f);
        square += weight[i] * quantity(i, f) * quantity(i, f);
    }
    *std = sqrt(fmax(square - mean * mean, 0.0));
    return mean;
}

static obe_status answer(obe_message request, void *user)
{
    char command[16] = "", reply[64] = "\"OK\"";
    double x, y, s, std, best = -1.0, sum = 0.0;
    int64_t length;

    (void)user;
    obe_get_string(request, "/command", command, sizeof command, &length);
    if (strcmp(command, "newrun") == 0) {
        for (int i = 0; i < N; i++)
            centre[i] = LOLIM + (HILIM - LOLIM) * i / (N - 1), weight[i] = 1.0 / N;
    } else if (strcmp(command, "optset") == 0 || strcmp(command, "goodset") == 0) {
        for (int i = 0; i < N; i++)
            if (moments(signal, centre[i], &std), std > best)
                best = std, snprintf(reply, sizeof reply, "[%.17g]", centre[i]);
    } else if (strcmp(command, "newdat") == 0 && obe_get_double(request, "/x/0", &x) == OBE_OK &&
               obe_get_double(request, "/y/0", &y) == OBE_OK && obe_get_double(request, "/s/0", &s) == OBE_OK) {
        for (int i = 0; i < N; i++)
            sum += weight[i] = weight[i] * exp(-pow((y - signal(i, x)) / s, 2.0) / 2.0) + 1e-300;
        for (int i = 0; i < N; i++)
            weight[i] /= sum;
    } else if (strcmp(command, "getcon") == 0) {
        snprintf(reply, sizeof reply, "[%.17g, %.17g]", DEPTH, WIDTH);
    } else if (strcmp(command, "getmean") == 0 || strcmp(command, "getstd") == 0) {
        x = moments(identity, 0.0, &std);
        snprintf(reply, sizeof reply, "[%.17g]", command[3] == 'm' ? x : hypot(std, CELL));
    } else if (strcmp(command, "ready") != 0 && strcmp(command, "done") != 0) {
        snprintf(reply, sizeof reply, "{\"error\": \"an unknown command, or x, y or s is missing\"}");
    }
    obe_reply(request, reply, -1, OBE_DEFAULT_TIMEOUT); /* if the client has left, nobody misses it */
    return strcmp(command, "done") == 0;                /* anything but 0 ends obe_serve */
}

int main(int argc, char **argv)
{
    obe_socket server = 0;
    int32_t port = 0;
    obe_status status = obe_server_new(NULL, argc > 1 ? atoi(argv[1]) : OBE_DEFAULT_PORT, &server);

    if (status == OBE_OK)
        status = obe_port(server, &port);
    if (status == OBE_OK) {
        printf("port %d\n", (int)port);
        fflush(stdout);
        status = obe_serve(server, answer, NULL);
    }
    obe_free(server);
    if (status != 1)
        fprintf(stderr, "server: %s\n", obe_strerror(status));
    return status != 1;
}
