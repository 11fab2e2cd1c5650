"""What limits measures that may miss their bounds. The lists of the missed bounds have these sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable

WORK = (
    "the library's work counts, about 7,000 to 14,000 instructions of an exchange on each side: calls between C and "
    "Go, deadline, locks, the JSON of both messages"
)
BOTH = "each side takes about as much longer than C as it does beside a peer in C, and here both do"
TLS = f"where no wait spins, an exchange takes about as much longer than OpenSSL's as one without TLS than C's: {WORK}"
TRIALS = (
    "where spinning is not faster, its trials, and the spins that find nothing until it is switched off, are in the "
    "slowest hundredth"
)
MOVES = (
    "the slowest of 200 rounds are those in which the dip is found, and their moves between the parts of a measurement "
    "are not put off"
)
# Regular expressions of whole names of measures, as in bench/results.json, and what limits these: a sentence, and the
# section of docs/performance.md or BENCHMARKS.md that says more. The first that matches counts.
REASONS = [
    ("tcmd with TLS.*: obe client, obe_[^;]*, p50", f"{BOTH}; {TLS}", "Where an exchange's time goes"),
    ("tcmd with TLS.*, p50", TLS, "Where an exchange's time goes"),
    ("tcmd beside C that polls.*, p50", WORK, "Where an exchange's time goes"),
    (
        "tcmd, a kept connection, two threads: obe client, obe_[^;]*, p50",
        f"{BOTH}; where no wait spins, {WORK}",
        "Where an exchange's time goes",
    ),
    ("tcmd.*, two threads: [^;]*, p50", f"where no wait spins, {WORK}", "Where an exchange's time goes"),
    (
        "tcmd beside C that polls.*, p99",
        "in this virtual machine the tick of the system's clock takes 20 µs of each processor, a thousand times a "
        "second: it is in 1.5 % of exchanges that take 7.3 µs, and in 1.0 % of the baseline's, of 4.9 µs",
        "Adaptive spinning",
    ),
    ("tcmd.*, a kept connection, two threads: [^;]*, p99", TRIALS, "Adaptive spinning"),
    ("spinning beside .*, p99", TRIALS, "Adaptive spinning"),
    (
        "Python on one core,.*",
        "in the first 5 ms after a pause, as long as these rounds last, the thread with which Go's runtime watches the "
        "others interrupts the exchanges; later, the library's work counts, 1 to 2 µs of an exchange",
        "The first milliseconds after a pause",
    ),
    (
        "Python, a kept connection: .*two threads, p50",
        "the baseline takes 13 or 70 µs, depending on whether the system puts both threads on one core or on two, and "
        "the ratios of the rounds vary as much; on one core the library's work counts, about 2 µs of an exchange",
        "Python",
    ),
    (
        "Python, a kept connection: .*, p99",
        "a round has 200 exchanges, so that its 99th percentile is its third slowest: the trials of spinning are there",
        "Adaptive spinning",
    ),
    (
        "Python, .*, p50",
        "where both sides share a core, the library's work counts, as in the rows of one core",
        "Python",
    ),
    (
        "messages one after the other.*",
        "a message is validated whole before its first byte leaves, and its receiver validates it again",
        "Arrays",
    ),
    (
        "many clients, a kept connection.*",
        "of the server's CPU time for an exchange 1.5 to 3 µs are the library's, and the baseline's total is 2.1 to "
        "3.4; a server that needs longer than its clients is also interrupted by those that its replies wake",
        "Many clients",
    ),
    (
        "documents: a member of a reply.*",
        "the same library takes 0.57 to 1.17 µs from run to run, and so does an earlier one; the cause is not known",
        "",
    ),
    (
        "the library by itself: size of the file.*",
        "TLS is 1.1 MB of code and its share of the tables of Go's runtime; with less inlining, and with functions "
        "aligned to 16 bytes, the file has 6.66 MB, and a handshake is slower",
        "The library's file",
    ),
    (
        "the designer on one core.*: a connection for each exchange, p99",
        f"{MOVES}; and the system's thread that does the rest of the work for new connections (ksoftirqd) waits while "
        "the designer computes, 0.25 ms for a round in the mean",
        "obe design",
    ),
    ("the designer on one core.*: a kept connection, p99", MOVES, "obe design"),
    (
        "the designer on one core.*: a connection for each exchange, p50",
        "the bound is a time, and a virtual processor takes up to twice as long while another one uses the same core",
        "obe design",
    ),
    (
        "the designer on one core.*beside optbayesexpt, p50",
        "two exchanges on new connections alone take most of a quarter of optbayesexpt's time; on a kept connection, "
        "which it does not have, a round takes a third of its time",
        "obe design",
    ),
]


def reason(name: str) -> str:
    """What limits the measure of this name."""
    for pattern, sentence, more in REASONS:
        if re.fullmatch(pattern, name):
            return f'{sentence} (see "{more}")' if more else sentence
    return "what limits it is not in bench/limits.py"


def unused(names: Iterable[str]) -> list[str]:
    """The patterns that are the first of no name."""
    patterns = [pattern for pattern, _, _ in REASONS]
    first = {next((pattern for pattern in patterns if re.fullmatch(pattern, name)), "") for name in names}
    return [pattern for pattern in patterns if pattern not in first]
