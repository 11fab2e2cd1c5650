/* The commands without members, and the counters, for tests that have to use all of them.
 * M is a macro with X, the name of a command, and that of its array, if there is one.
 *
 * Generated from internal by "make generate"; do not edit.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#define EACH_OK_COMMAND(M, X) \
    M(X, ready) \
    M(X, done)

#define EACH_NUMBERS_COMMAND(M, X) \
    M(X, optset, setting) \
    M(X, getmean, mean) \
    M(X, getstd, deviation) \
    M(X, getwgt, weights) \
    M(X, getcon, constants)

#define EACH_ROWS_COMMAND(M, X) \
    M(X, getcov, covariance) \
    M(X, getpar, parameters) \
    M(X, getset, settings)

/* Of a socket. */
#define EACH_COUNTER(X) \
    X("connections_opened") \
    X("connections_open") \
    X("messages_sent") \
    X("messages_received") \
    X("bytes_sent") \
    X("bytes_received") \
    X("dropped_malformed") \
    X("dropped_json") \
    X("dropped_too_large") \
    X("dropped_memory") \
    X("dropped_incomplete") \
    X("dropped_timeout") \
    X("dropped_unanswered") \
    X("dropped_reset") \
    X("dropped_not_allowed") \
    X("dropped_tls") \
    X("dropped_unread") \
    X("outgoing_bytes") \
    X("evicted") \
    X("trace_failed")

/* Of the process. */
#define EACH_PROCESS_COUNTER(X) \
    X("live_sockets") \
    X("live_messages")

#endif
