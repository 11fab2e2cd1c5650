/* messages.c - a host program with a limited address space: messages PORT LEFT TEXT POINTER...
 *
 * TEXT is a file with a JSON text. A server at PORT replies to every command with that text. The program calls each function
 * that reads or changes a message with it, and prints the status. The limit leaves LEFT MiB of address space to each call;
 * -1 is no limit. First the program prints the port of its own server, for a client that sends the text. */
#define _GNU_SOURCE
#include <obe.h>
#include <obe_labview.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MIB = 1 << 20, TIMEOUT = 20000, SHORT_TIMEOUT = 500, ROOM = 16 * MIB, NUMBERS = 4 * MIB };

static char **pointers;
static int pointer_count;
static const char *part; /* the part of this program, for its output */
static long left;
static char *text, *buffer;
static int64_t length;
static double *values;

static void *map_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return memory;
}

/* Gives threads of Go's runtime small stacks: without address space for a stack the program ends, which is not what this
 * test is about. */
static void small_stacks(void)
{
    pthread_attr_t attributes;

    if (pthread_attr_init(&attributes) != 0 || pthread_attr_setstacksize(&attributes, MIB / 4) != 0 ||
        pthread_setattr_default_np(&attributes) != 0)
        exit(1);
    pthread_attr_destroy(&attributes);
}

/* Sets the limit before each call, so that each has as much address space as the one before. */
static void limit(void)
{
    static FILE *statm;
    struct rlimit most = {RLIM_INFINITY, RLIM_INFINITY};
    long pages = 0;

    if (left < 0)
        return;
    if (!statm) {
        statm = fopen("/proc/self/statm", "r");
        if (statm)
            setvbuf(statm, NULL, _IONBF, 0);
    }
    if (!statm || fseek(statm, 0, SEEK_SET) != 0 || fscanf(statm, "%ld", &pages) != 1) {
        perror("statm");
        exit(1);
    }
    most.rlim_cur = (rlim_t)(pages * sysconf(_SC_PAGESIZE) + left * MIB);
    if (setrlimit(RLIMIT_AS, &most) != 0) {
        perror("setrlimit");
        exit(1);
    }
}

static obe_status report(const char *call, const char *where, obe_status status)
{
    printf("%s: %s at \"%s\" %" PRId32 "\n", part, call, where, status);
    fflush(stdout);
    return status;
}

#define CALL(where, call) (limit(), report(#call, where, (call)))

/* Calls every function that reads a message. */
static void read_all(const char *which, obe_message m)
{
    int64_t n, rows, cols, whole;
    int32_t small;
    double number;
    int i;

    part = which;
    for (i = 0; i < pointer_count; i++) {
        const char *p = pointers[i];

        CALL(p, obe_get_double(m, p, &number));
        CALL(p, obe_get_int(m, p, &whole));
        CALL(p, obe_get_bool(m, p, &small));
        CALL(p, obe_get_string(m, p, buffer, ROOM, &n));
        CALL(p, obe_get_string(m, p, NULL, 0, &n));
        CALL(p, obe_get_json(m, p, buffer, ROOM, &n));
        CALL(p, obe_get_key(m, p, 0, buffer, ROOM, &n));
        CALL(p, obe_get_key(m, p, 1000, buffer, ROOM, &n));
        CALL(p, obe_get_doubles(m, p, values, NUMBERS, &n));
        CALL(p, obe_get_doubles(m, p, NULL, 0, &n));
        CALL(p, obe_get_matrix(m, p, values, NUMBERS, &rows, &cols));
        CALL(p, obe_get_type(m, p, &small));
        CALL(p, obe_get_count(m, p, &n));
    }
}

static obe_status parsed(obe_message *m) { return CALL("", obe_message_new(text, length, m)); }

/* Calls every function that changes a message, each on a new one, which is then read and changed again. */
static void write_all(void)
{
    static const char *const names[] = {"double", "int", "bool", "null", "string", "doubles", "matrix", "json"};
    int way, round;
    int64_t n;
    char name[32];

    for (way = 0; way < (int)(sizeof names / sizeof *names); way++) {
        obe_message m = 0;

        part = names[way];
        if ((way % 2 ? parsed(&m) : CALL("", obe_command_new("command", &m))) != OBE_OK)
            continue;
        for (round = 0; round < 3; round++) {
            obe_status status = OBE_OK;

            snprintf(name, sizeof name, "%s %d", names[way], round);
            part = name;
            limit();
            switch (way) {
            case 0: status = obe_set_double(m, "abc", 1.5); break;
            case 1: status = obe_set_int(m, "", 1); break;
            case 2: status = obe_set_bool(m, "abc", 1); break;
            case 3: status = obe_set_null(m, "new"); break;
            case 4: status = obe_set_string(m, "s", text, length); break;
            case 5: status = obe_set_doubles(m, "s", values, NUMBERS / 16); break;
            case 6: status = obe_set_matrix(m, "s", values, NUMBERS / 32, 2); break;
            case 7: status = obe_set_json(m, "s", text, length); break;
            }
            if (report("obe_set", "", status) != OBE_OK)
                break;
            CALL("/s", obe_get_count(m, "/s", &n));
            if (round > 0)
                CALL("", obe_get_json(m, "", NULL, 0, &n));
        }
        obe_message_free(m);
    }
}

/* Calls the functions that send and receive messages. */
static void exchange_messages(obe_socket client, obe_socket server)
{
    obe_message m = 0, reply = 0;
    int64_t n, rows, cols;

    part = "exchange";
    if (CALL("", obe_message_new("{\"command\": \"x\"}", -1, &m)) == OBE_OK &&
        CALL("", obe_tcmd_message(client, m, &reply, TIMEOUT)) == OBE_OK)
        read_all("reply", reply);
    obe_message_free(reply);
    obe_message_free(m);
    m = 0;
    part = "exchange";
    if (CALL("", obe_receive_message(server, &m, SHORT_TIMEOUT)) == OBE_OK) {
        read_all("request", m);
        CALL("", obe_reply(m, "\"OK\"", -1, TIMEOUT));
        obe_message_free(m);
    }
    part = "commands";
    m = 0;
    if (parsed(&m) == OBE_OK)
        CALL("", obe_newrun(client, m, TIMEOUT));
    obe_message_free(m);
    CALL("", obe_ready(client, TIMEOUT));
    CALL("", obe_optset(client, values, NUMBERS, &n, TIMEOUT));
    CALL("", obe_getwgt(client, values, 1, &n, TIMEOUT));
    obe_close(client);
    CALL("", obe_getcov(client, values, NUMBERS, &rows, &cols, TIMEOUT));
    CALL("", obe_newdat(client, values, NUMBERS / 32, values, 1, values, 1, TIMEOUT));
}

/* Sends the text's members with commands. */
static void send_fields(obe_socket client)
{
    obe_message m = 0, reply = 0;
    int64_t n;

    part = "fields";
    CALL("", obe_set_option(client, OBE_OPT_FIELDS, text));
    CALL("", obe_get_option(client, OBE_OPT_FIELDS, buffer, ROOM, &n));
    CALL("", obe_ready(client, TIMEOUT));
    CALL("", obe_optset(client, values, NUMBERS, &n, TIMEOUT));
    CALL("", obe_wait_ready(client, TIMEOUT));
    if (parsed(&m) == OBE_OK)
        CALL("fields", obe_newrun(client, m, TIMEOUT));
    if (CALL("", obe_query(client, "newrun", m, &reply, TIMEOUT)) == OBE_OK)
        obe_message_free(reply);
    obe_message_free(m);
}

/* Does the same through the LabVIEW functions. */
static void labview(const char *which, int handle)
{
    double number;
    int n, cols, i;

    part = which;
    if (CALL("", obe_lv_tcmd(handle, "{\"command\": \"x\"}", &n, TIMEOUT)) == OBE_OK) {
        CALL("", obe_lv_get_text(handle, buffer, ROOM, &n));
        for (i = 0; i < pointer_count; i++) {
            const char *p = pointers[i];

            CALL(p, obe_lv_get_double(handle, p, &number));
            CALL(p, obe_lv_get_int(handle, p, &n));
            CALL(p, obe_lv_get_bool(handle, p, &n));
            CALL(p, obe_lv_get_string(handle, p, buffer, ROOM, &n));
            CALL(p, obe_lv_get_doubles(handle, p, values, NUMBERS, &n));
            CALL(p, obe_lv_get_matrix(handle, p, values, NUMBERS, &n, &cols));
            CALL(p, obe_lv_get_count(handle, p, &n));
            CALL(p, obe_lv_get_type(handle, p, &n));
        }
    }
    if (CALL("", obe_lv_command_new(handle, "x")) == OBE_OK) {
        CALL("", obe_lv_set_json(handle, "s", text));
        CALL("", obe_lv_set_string(handle, "t", text));
        CALL("", obe_lv_set_doubles(handle, "d", values, NUMBERS / 32));
        CALL("", obe_lv_set_matrix(handle, "m", values, NUMBERS / 64, 2));
        CALL("", obe_lv_set_double(handle, "s", 1.5));
        CALL("", obe_lv_tcmd_message(handle, &n, TIMEOUT));
    }
    CALL("", obe_lv_newrun(handle, text, TIMEOUT));
    CALL("", obe_lv_ready(handle, TIMEOUT));
    CALL("", obe_lv_optset(handle, values, NUMBERS, &n, TIMEOUT));
    CALL("", obe_lv_getcov(handle, values, NUMBERS, &n, &cols, TIMEOUT));
    CALL("", obe_lv_set_option(handle, "fields", text));
    CALL("", obe_lv_get_option(handle, "fields", buffer, ROOM, &n));
    CALL("fields", obe_lv_ready(handle, TIMEOUT));
    CALL("", obe_lv_set_option(handle, "fields", ""));
}

int main(int count, char **arguments)
{
    obe_socket client = 0, server = 0;
    int32_t port = 0;
    int handle = 0;
    obe_message m = 0;
    FILE *file;

    small_stacks();
    if (count < 4 || !(file = fopen(arguments[3], "rb")))
        return 1;
    text = map_memory(ROOM);
    buffer = map_memory(ROOM);
    values = map_memory(NUMBERS * sizeof *values);
    length = (int64_t)fread(text, 1, ROOM - 1, file);
    fclose(file);
    left = atol(arguments[2]);
    pointers = arguments + 4;
    pointer_count = count - 4;
    part = "message";
    if (obe_client_new(NULL, (int32_t)atoi(arguments[1]), &client) != OBE_OK ||
        obe_server_new(NULL, 0, &server) != OBE_OK || obe_port(server, &port) != OBE_OK ||
        obe_lv_client_new("", atoi(arguments[1]), &handle) != OBE_OK)
        return 1;
    printf("port %" PRId32 "\n", port);
    fflush(stdout);
    if (parsed(&m) == OBE_OK) {
        read_all("message", m);
        read_all("message again", m); /* the library caches the positions of values */
    }
    obe_message_free(m);
    write_all();
    exchange_messages(client, server);
    send_fields(client);
    labview("labview", handle);
    obe_lv_set_option(handle, "codepage", "1252");
    labview("code page", handle);
    printf("end 0\n");
    fflush(stdout);
    _exit(0); /* there may be no memory left for exit */
}
