/* message.h - the messages of the soak test. A command and its reply contain the client and the number of the command, and
 * an array of numbers with a checksum. They are written and read as text by code in this file, and as messages by the
 * library. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "check.h"

enum {
    MOST = 8000,      /* numbers in a message */
    ROOM = 12 * MOST, /* bytes of a message */
    SMALL = 8,        /* numbers in most messages */
    LARGE_EVERY = 64  /* one of this many messages is large */
};

struct note {
    int64_t client, number; /* the client that sent the command, and its number among that client's commands */
    int64_t want;           /* in a command: the count of numbers in the reply */
    int64_t of;             /* in a reply: the checksum of its command */
    int64_t sum;            /* checksum of x */
    int64_t count;
    double x[MOST];
    int64_t length;
    char text[ROOM];
};

/* Creates a note. All of its memory is touched at once, so that resident memory does not grow later. */
static inline struct note *note_new(void)
{
    struct note *n = malloc(sizeof *n);

    CHECK(n != NULL);
    memset(n, 1, sizeof *n);
    return n;
}

static inline int64_t note_checksum(const struct note *n)
{
    int64_t i, sum = n->count;

    for (i = 0; i < n->count; i++)
        sum = (sum * 31 + (int64_t)(2 * n->x[i])) & 0x7fffffff;
    return sum;
}

/* Numbers that are exact as text: an integer and a half. */
static inline void note_fill(struct note *n, int64_t count, uint64_t *dice)
{
    int64_t i;

    n->count = count;
    for (i = 0; i < count; i++)
        n->x[i] = (double)(random_next(dice) % 100000) + 0.5;
    n->sum = note_checksum(n);
}

static inline int64_t note_size(uint64_t *dice)
{
    return (int64_t)(random_next(dice) % (random_next(dice) % LARGE_EVERY ? SMALL : MOST));
}

static inline void note_command(struct note *n, int64_t client, int64_t number, uint64_t *dice)
{
    n->client = client;
    n->number = number;
    n->want = note_size(dice);
    n->of = 0;
    note_fill(n, note_size(dice), dice);
}

static inline void note_reply(struct note *n, const struct note *command, uint64_t *dice)
{
    n->client = command->client;
    n->number = command->number;
    n->want = 0;
    n->of = command->sum;
    note_fill(n, command->want, dice);
}

static inline void note_write_text(struct note *n)
{
    int64_t i;
    char *at = n->text;

    at += sprintf(at,
                  "{\"command\": \"soak\", \"client\": %" PRId64 ", \"number\": %" PRId64 ", \"want\": %" PRId64
                  ", \"of\": %" PRId64 ", \"sum\": %" PRId64 ", \"x\": [",
                  n->client, n->number, n->want, n->of, n->sum);
    for (i = 0; i < n->count; i++)
        at += sprintf(at, "%s%d.5", i ? ", " : "", (int)n->x[i]);
    at += sprintf(at, "]}");
    n->length = at - n->text;
    CHECK(n->length < ROOM);
}

static inline int64_t note_member(const struct note *n, const char *key)
{
    const char *at = strstr(n->text, key);

    if (!at)
        check_failed(__FILE__, __LINE__, "a message has no %s: %.200s", key, n->text);
    return strtoll(at + strlen(key), NULL, 10);
}

/* Reads n->text, which ends with a NUL, and checks it. */
static inline void note_read_text(struct note *n)
{
    char *at = strstr(n->text, "\"x\":");

    n->client = note_member(n, "\"client\":");
    n->number = note_member(n, "\"number\":");
    n->want = note_member(n, "\"want\":");
    n->of = note_member(n, "\"of\":");
    n->sum = note_member(n, "\"sum\":");
    CHECK(at != NULL);
    at = strchr(at, '[');
    CHECK(at != NULL);
    for (n->count = 0; *at != ']' && at[1] != ']'; n->count++) {
        CHECK(n->count < MOST && (*at == '[' || *at == ','));
        n->x[n->count] = strtod(at + 1, &at);
    }
    CHECK_EQUAL(note_checksum(n), n->sum);
}

static inline obe_message note_write_message(const struct note *n)
{
    obe_message message = 0;

    CHECK_OK(0, obe_command_new("soak", &message));
    CHECK_OK(message, obe_set_int(message, "client", n->client));
    CHECK_OK(message, obe_set_int(message, "number", n->number));
    CHECK_OK(message, obe_set_int(message, "want", n->want));
    CHECK_OK(message, obe_set_int(message, "of", n->of));
    CHECK_OK(message, obe_set_int(message, "sum", n->sum));
    CHECK_OK(message, obe_set_doubles(message, "x", n->x, n->count));
    return message;
}

static inline void note_read_message(struct note *n, obe_message message)
{
    CHECK_OK(message, obe_get_int(message, "/client", &n->client));
    CHECK_OK(message, obe_get_int(message, "/number", &n->number));
    CHECK_OK(message, obe_get_int(message, "/want", &n->want));
    CHECK_OK(message, obe_get_int(message, "/of", &n->of));
    CHECK_OK(message, obe_get_int(message, "/sum", &n->sum));
    CHECK_OK(message, obe_get_doubles(message, "/x", n->x, MOST, &n->count));
    CHECK_EQUAL(note_checksum(n), n->sum);
}

/* reply is the reply to command. */
static inline void note_match(const struct note *reply, const struct note *command)
{
    if (reply->client != command->client || reply->number != command->number || reply->of != command->sum ||
        reply->count != command->want)
        check_failed(__FILE__, __LINE__,
                     "command %" PRId64 " of client %" PRId64 " (checksum %" PRId64 ", wanting %" PRId64
                     ") was answered with the reply to %" PRId64 " of client %" PRId64 " (%" PRId64 ", %" PRId64 ")",
                     command->number, command->client, command->sum, command->want, reply->number, reply->client,
                     reply->of, reply->count);
}

#endif
