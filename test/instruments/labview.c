/* instrument.c with the functions that a VI calls, and with the sizes of its arrays. */
#include "numbers.h"
#include "obe_labview.h"

static int server;

static void check(int status)
{
    char text[512] = "";

    if (status == 0)
        return;
    obe_lv_last_error(server, text, sizeof text, NULL);
    fprintf(stderr, "instrument: %d %s\n", status, text);
    exit(1);
}

int main(int argc, char **argv)
{
    double x[MOST], y[MOST], s[MOST], mean[MOST], std[MOST];
    int knobs, parameters, channels;

    if (argc != 3)
        return 2;
    check(obe_lv_client_new("", atoi(argv[1]), &server));
    check(obe_lv_wait_ready(server, TIMEOUT_MS));
    check(obe_lv_newrun(server, "", TIMEOUT_MS));
    for (int round = atoi(argv[2]); round > 0; round--) {
        check(obe_lv_goodset(server, -1, x, MOST, &knobs, TIMEOUT_MS));
        print(x, knobs);
        if (scanf("%d", &channels) != 1 || channels < 1 || channels > MOST)
            return 2;
        read_numbers(y, channels);
        read_numbers(s, channels);
        check(obe_lv_newdat(server, x, knobs, y, channels, s, channels, TIMEOUT_MS));
    }
    check(obe_lv_getmean(server, mean, MOST, &parameters, TIMEOUT_MS));
    print(mean, parameters);
    check(obe_lv_getstd(server, std, MOST, &parameters, TIMEOUT_MS));
    print(std, parameters);
    check(obe_lv_done(server, TIMEOUT_MS));
    check(obe_lv_free(server));
    return 0;
}
