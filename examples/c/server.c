/*
 * A complete experiment-design server in C. It looks for the centre of a dip on a grid of candidates, each with a
 * weight. The next setting is the one where the predictions of the candidates differ most.
 *     cc -std=c99 server.c -lobe -lm -o server && ./server --port 61981
 * It ends on Ctrl-C or SIGTERM, and after the command done.
 */
#define _XOPEN_SOURCE 700 /* for sigaction and SA_ONSTACK */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "obe.h"

enum { N = 401 }; /* candidates */

static const double LOLIM = 2840.0, STEP = 0.15; /* the candidates for the centre, in MHz */
static const double DEPTH = 0.1, WIDTH = 3.0;    /* of the dip, which the server knows */
static double centre[N], weight[N];
static int running; /* there has been a newrun */

struct moments {
    double mean, std;
};

/* The mean and standard deviation of a quantity that has one value for each candidate. */
static struct moments moments_of(const double values[N])
{
    struct moments m = {0.0, 0.0};
    double variance = 0.0;

    for (int i = 0; i < N; i++)
        m.mean += weight[i] * values[i];
    for (int i = 0; i < N; i++)
        variance += weight[i] * (values[i] - m.mean) * (values[i] - m.mean);
    m.std = sqrt(variance);
    return m;
}

/* The signal that each candidate predicts at a setting. */
static void predict(double setting, double signal[N])
{
    for (int i = 0; i < N; i++) {
        double u = (setting - centre[i]) * 2.0 / WIDTH;
        signal[i] = 1.0 - DEPTH / (u * u + 1.0);
    }
}

/* Before the first measurement all candidates are equally probable. */
static void begin_run(void)
{
    for (int i = 0; i < N; i++) {
        centre[i] = LOLIM + STEP * i;
        weight[i] = 1.0 / N;
    }
    running = 1;
}

static double best_setting(void)
{
    double signal[N], best = centre[0], largest = -1.0;

    for (int i = 0; i < N; i++) {
        predict(centre[i], signal);
        double spread = moments_of(signal).std;
        if (spread > largest) {
            largest = spread;
            best = centre[i];
        }
    }
    return best;
}

/* Bayes' rule: multiplies each weight by the likelihood of the measurement y +/- s at setting x. */
static void learn(double x, double y, double s)
{
    double signal[N], sum = 0.0;

    predict(x, signal);
    for (int i = 0; i < N; i++) {
        double residual = (y - signal[i]) / s;
        weight[i] = weight[i] * exp(-residual * residual / 2.0) + 1e-300; /* so that no sum is 0 */
        sum += weight[i];
    }
    for (int i = 0; i < N; i++)
        weight[i] /= sum;
}

static volatile sig_atomic_t stop; /* obe_serve returns when it is not 0 */

/* The only thing that a signal handler may do with the server: no function of the library may be called in it. */
static void end(int number)
{
    (void)number;
    stop = 1;
}

/* Lets Ctrl-C end the server. A second Ctrl-C ends the process at once. */
static void end_on_signals(void)
{
#ifdef _WIN32
    signal(SIGINT, end);
#else
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = end;
    action.sa_flags = SA_ONSTACK | SA_RESETHAND; /* the library needs SA_ONSTACK, since it contains Go's runtime */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
#endif
}

/* Writes the reply to newdat, and learns from it. */
static void add_measurement(obe_message request, char *reply, size_t size)
{
    static const char *const MEMBERS[] = {"x", "y", "s"}, *const FIRST[] = {"/x/0", "/y/0", "/s/0"};
    double values[3];

    for (int i = 0; i < 3; i++)
        if (obe_get_double(request, FIRST[i], &values[i]) != OBE_OK) {
            snprintf(reply, size, "{\"error\": \"newdat needs the list %s with a number\"}", MEMBERS[i]);
            return;
        }
    learn(values[0], values[1], values[2]);
}

/* Whether a command is about a run, so that there has to be one. */
static int needs_run(const char *command)
{
    static const char *const COMMANDS[] = {"optset", "goodset", "newdat", "getmean", "getstd"};

    for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++)
        if (strcmp(command, COMMANDS[i]) == 0)
            return 1;
    return 0;
}

/* The handler of obe_serve: replies to one message. */
static void handle(obe_message request, void *user)
{
    char command[16] = "", reply[160] = "\"OK\"";
    int64_t length;

    (void)user;
    if (obe_get_string(request, "/command", command, sizeof command, &length) != OBE_OK)
        command[0] = '\0'; /* there is none, or it is longer than any that is known */
    if (strcmp(command, "newrun") == 0) {
        begin_run();
    } else if (needs_run(command) && !running) {
        snprintf(reply, sizeof reply, "{\"error\": \"no run has begun: send newrun first\"}");
    } else if (strcmp(command, "optset") == 0 || strcmp(command, "goodset") == 0) {
        snprintf(reply, sizeof reply, "[%.17g]", best_setting());
    } else if (strcmp(command, "newdat") == 0) {
        add_measurement(request, reply, sizeof reply);
    } else if (strcmp(command, "getmean") == 0) {
        snprintf(reply, sizeof reply, "[%.17g]", moments_of(centre).mean);
    } else if (strcmp(command, "getstd") == 0) {
        double grid = STEP / sqrt(12.0); /* the grid does not resolve less */
        snprintf(reply, sizeof reply, "[%.17g]", hypot(moments_of(centre).std, grid));
    } else if (strcmp(command, "getcon") == 0) {
        snprintf(reply, sizeof reply, "[%.17g, %.17g]", DEPTH, WIDTH);
    } else if (strcmp(command, "ready") != 0 && strcmp(command, "done") != 0) {
        snprintf(reply, sizeof reply,
                 "{\"error\": \"unknown command; known are ready, newrun, optset, goodset, newdat, getmean, getstd, "
                 "getcon and done\"}");
    }
    obe_reply(request, reply, -1, OBE_DEFAULT_TIMEOUT); /* a client that has left is not a failure of the server */
    if (strcmp(command, "done") == 0)
        stop = 1;
}

/* Reads the command line. Returns -1, or the status with which the program has to end. */
static int read_options(int argc, char **argv, int32_t *port)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("usage: %s [--port PORT] [--help]\n"
               "  --port  the port to listen on; 0 lets the system choose (default: 61981)\n",
               argv[0]);
        return 0;
    }
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--port") != 0) {
            fprintf(stderr, "%s: %s is not an option; see %s --help\n", argv[0], argv[i], argv[0]);
            return 2;
        }
        const char *text = i + 1 < argc ? argv[i + 1] : "";
        const size_t digits = strspn(text, "0123456789");
        if (digits == 0 || digits > 5 || text[digits] != '\0' || atoi(text) > 65535) {
            fprintf(stderr, "%s: --port needs a whole number from 0 to 65535, not \"%s\"\n", argv[0], text);
            return 2;
        }
        *port = (int32_t)atoi(text);
    }
    return -1;
}

int main(int argc, char **argv)
{
    obe_socket server = NULL;
    int32_t port = OBE_DEFAULT_PORT;
    char message[512] = "";
    obe_status status;
    const int exit_status = read_options(argc, argv, &port);

    if (exit_status >= 0)
        return exit_status;
    status = obe_server_new(NULL, port, &server);
    if (status == OBE_OK)
        status = obe_port(server, &port);
    if (status == OBE_OK) {
        end_on_signals();
        printf("port %d\n", (int)port);
        fflush(stdout);
        status = obe_serve(server, handle, NULL, &stop);
    }
    if (status != OBE_OK) {
        obe_last_error(server, message, (int64_t)sizeof message, NULL);
        fprintf(stderr, "%s: %s\n", argv[0], message);
    }
    obe_free(server);
    return status == OBE_OK ? 0 : 1;
}
