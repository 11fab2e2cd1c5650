/* An instrument of any experiment, for TestGallery: it prints each setting that the server at PORT chooses, reads on the
 * standard input how many channels there are, what they measured and their standard deviations, and prints at the end the
 * mean and the standard deviation of each parameter. How many numbers there are it learns from the replies. */
#include "numbers.h"
#include "obe.h"

static obe_socket server;

static void check(obe_status status)
{
    char text[512] = "";

    if (status == OBE_OK)
        return;
    obe_last_error(server, text, sizeof text, NULL);
    fprintf(stderr, "instrument: %s %s\n", obe_strerror(status), text);
    exit(1);
}

int main(int argc, char **argv)
{
    double x[MOST], y[MOST], s[MOST], mean[MOST], std[MOST];
    int64_t knobs, parameters;
    int channels;

    if (argc != 3)
        return 2;
    check(obe_client_new(NULL, atoi(argv[1]), &server));
    check(obe_wait_ready(server, TIMEOUT_MS));
    check(obe_newrun(server, NULL, TIMEOUT_MS));
    for (int round = atoi(argv[2]); round > 0; round--) {
        check(obe_goodset(server, -1, x, MOST, &knobs, TIMEOUT_MS));
        print(x, knobs);
        if (scanf("%d", &channels) != 1 || channels < 1 || channels > MOST)
            return 2;
        read_numbers(y, channels);
        read_numbers(s, channels);
        check(obe_newdat(server, x, knobs, y, channels, s, channels, TIMEOUT_MS));
    }
    check(obe_getmean(server, mean, MOST, &parameters, TIMEOUT_MS));
    print(mean, parameters);
    check(obe_getstd(server, std, MOST, &parameters, TIMEOUT_MS));
    print(std, parameters);
    check(obe_done(server, TIMEOUT_MS));
    obe_free(server);
    return 0;
}
