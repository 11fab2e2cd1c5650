/* A program that is traced through the environment: exchanges from several threads of one process.
 *
 *     trace COUNT FAILED   makes COUNT exchanges on each thread. FAILED is "all" or "none": the messages that cannot be
 *                          written to the trace */
#include "check.h"

enum { THREADS = 4 };

static int count;

static void *make_exchanges(void *port)
{
    obe_socket client = new_client(*(int32_t *)port);
    char body[64], reply[64];
    int64_t length, failed;
    int i;

    CHECK_OK(client, obe_set_option(client, OBE_OPT_PERSISTENT, "1"));
    for (i = 0; i < count; i++) {
        snprintf(body, sizeof body, "\"%d of %p in %d\"", i, (void *)body, (int)getpid());
        CHECK_OK(client, obe_tcmd(client, body, -1, reply, sizeof reply, &length, TEST_TIMEOUT));
        CHECK(strcmp(body, reply) == 0);
    }
    CHECK_OK(client, obe_get_stat(client, OBE_STAT_TRACE_FAILED, &failed));
    CHECK_OK(client, obe_free(client));
    return (void *)(intptr_t)failed;
}

int main(int argc, char **argv)
{
    struct echo echo;
    pthread_t threads[THREADS];
    int64_t failed;
    int i, all;

    CHECK(argc == 3);
    count = atoi(argv[1]);
    all = strcmp(argv[2], "all") == 0 ? 2 * count : 0;
    echo_start(&echo);
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, make_exchanges, &echo.port) == 0);
    for (i = 0; i < THREADS; i++) {
        void *result;

        CHECK(pthread_join(threads[i], &result) == 0);
        CHECK_EQUAL(all, (int64_t)(intptr_t)result);
    }
    /* The server may still be in the call that sent the last reply. */
    CHECK_EVENTUALLY(obe_get_stat(echo.server, OBE_STAT_TRACE_FAILED, &failed) == OBE_OK &&
                     failed == (int64_t)THREADS * all);
    echo_stop(&echo);
    return 0;
}
