/*
 * The cost of the idle library: footprint PATH SECONDS loads it, calls a first function, and leaves a receive blocked
 * for that time. It prints the time of loading and first call, the resident memory of the process before and after, and
 * the CPU time that the process used while the receive was blocked.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common.h"
#include "obe.h"

static void *library;
static obe_socket server;

static void find(const char *name, void *function, size_t size)
{
    void *symbol = dlsym(library, name);
    require(symbol != NULL, name);
    memcpy(function, &symbol, size);
}

static void *wait_for_a_message(void *unused)
{
    obe_status (*receive)(obe_socket, char *, int64_t, int64_t *, int64_t);
    char buffer[256];
    int64_t length;
    find("obe_receive", &receive, sizeof receive);
    receive(server, buffer, sizeof buffer, &length, OBE_FOREVER);
    fail("obe_receive returned");
    return unused;
}

static double cpu_ms(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

int main(int argc, char **argv)
{
    obe_status (*server_new)(const char *, int32_t, obe_socket *);
    long before = resident_kb("VmRSS");
    uint64_t began = now_ns();

    alarm(TIMEOUT_S);
    require(argc == 3, "usage: footprint PATH SECONDS");
    library = dlopen(argv[1], RTLD_NOW);
    require(library != NULL, argv[1]);
    find("obe_server_new", &server_new, sizeof server_new);
    require(server_new(NULL, 0, &server) == OBE_OK, "obe_server_new");

    double load_ms = (double)(now_ns() - began) / 1e6;
    long after = resident_kb("VmRSS");
    start_thread(wait_for_a_message, NULL);
    usleep(200000); /* until it is blocked and the runtime is idle */
    double seconds = atof(argv[2]), used = cpu_ms();
    usleep((useconds_t)(seconds * 1e6));
    used = cpu_ms() - used;
    printf("{\"load_ms\": %.3f, \"before_kb\": %ld, \"after_kb\": %ld, \"idle_percent\": %.4f}\n", load_ms, before,
           after, used / seconds / 10);
    return 0;
}
