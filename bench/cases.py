"""The cases of the benchmark, part by part."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from compile import LIBRARY, OUT, Build
from report import Limit, Measure, Row, Section, compare
from workers import Answer, Maker, Pair, Run, Worker, python_worker, rounds, workers


@dataclass
class Plan:
    quick: bool
    built: Build

    def seconds(self, full: float, quick: float) -> float:
        return quick if self.quick else full


Bounds = tuple["float | None", "float | None"]  # of p50 and p99
NONE: Bounds = (None, None)
MODES = {"oneshot": "a connection for each exchange", "kept": "a kept connection"}


def at_most(value: float | None) -> Limit | None:
    return None if value is None else Limit(value)


def at_least(value: float | None) -> Limit | None:
    return None if value is None else Limit(value, at_least=True)


def measure(name: str, unit: str, key: str, answers: Sequence[Pair], limit: Limit | None = None) -> Measure:
    return compare(
        name,
        unit,
        [(baseline[key], variant[key]) for baseline, variant in answers],
        limit,
    )


def latency(title: str, seconds: float, most: int, cases: Sequence[tuple[str, Run, Run, Bounds]]) -> Section:
    """A section of exchanges: each case with its baseline and the bounds of the ratios."""
    section = Section(title)
    found = rounds(seconds, most, [(baseline, variant) for _, baseline, variant, _ in cases])
    for (case, _, _, (p50, p99)), answers in zip(cases, found):
        measures = [
            measure("p50", "µs", "p50", answers, at_most(p50)),
            measure("p99", "µs", "p99", answers, at_most(p99)),
        ]
        section.rows.append(Row(case, measures))
    baselines, variants = (sum(pair[i]["stalls"] for answers in found for pair in answers) for i in (0, 1))
    section.notes.append(
        f"{len(found[0])} rounds; exchanges of 35 ms and more: {baselines} of the baselines, {variants} of the variants"
    )
    return section


# -- 1 and 2: one exchange after the other -----------------------------------------------------------------------------

CLIENT: dict[str, Bounds] = {"oneshot": (1.1, 1.5), "kept": (1.2, 2.0)}
SERVER: Bounds = (1.2, 2.0)
BOTH: Bounds = (1.3, 2.0)
SPIN: Bounds = (1.5, 2.0)
TLS: Bounds = (1.3, 2.0)
# Clients and servers of exchange.c.
PAIRINGS = {
    "obe client, C server": ("obe", "c"),
    "C client, obe_receive and obe_send": ("c", "obe"),
    "C client, obe_serve": ("c", "serve"),
    "obe client, obe_receive and obe_send": ("obe", "obe"),
    "obe client, obe_serve": ("obe", "serve"),
}


def exchange(plan: Plan, processes: int, mode: str) -> Section:
    with workers() as make:
        client = make(OUT / "exchange")
        server = client if processes == 1 else make(OUT / "exchange")
        ports = {kind: server.port("serve", kind, mode) for kind in ("c", "obe", "serve")}
        ports["to the end"] = server.port("serve", "c", "kept")
        count = {"oneshot": 200, "kept": 1000}[mode]

        def run(kind: str, peer: str) -> Run:
            return partial(client.ask, "client", kind, mode, ports[peer], count)

        judged = processes == 1

        def bounds(kind: str, peer: str) -> Bounds:
            if not judged:
                return NONE
            return CLIENT[mode] if peer == "c" else SERVER if kind == "c" else BOTH

        baseline = run("c", "c")
        end = ("C client, C server that reads to the client's end", baseline, run("c", "to the end"), NONE)
        return latency(
            f"tcmd, {MODES[mode]}, {'two threads' if judged else 'two processes'}; the baseline is C with C",
            plan.seconds(14, 2) if judged else plan.seconds(8, 1),
            {"oneshot": 25 if judged else 15, "kept": 60}[mode],
            [
                *((name, baseline, run(*pairing), bounds(*pairing)) for name, pairing in PAIRINGS.items()),
                *([end] if mode == "oneshot" else []),
            ],
        )


def spinning(plan: Plan) -> Section:
    with workers() as make:
        worker = make(OUT / "exchange")
        ports = {kind: worker.port("serve", kind, "spin") for kind in ("c", "obe", "serve")}

        def run(kind: str, peer: str) -> Run:
            return partial(worker.ask, "client", kind, "spin", ports[peer], 1000)

        return latency(
            f"tcmd beside C that polls, {MODES['kept']}, two threads; "
            "the baseline is C with C that polls before it blocks, as libobe may",
            plan.seconds(6, 1),
            30,
            [
                (
                    "obe client, obe_receive and obe_send",
                    run("c", "c"),
                    run("obe", "obe"),
                    SPIN,
                ),
                ("obe client, obe_serve", run("c", "c"), run("obe", "serve"), SPIN),
            ],
        )


def exchanges(plan: Plan) -> Iterator[Section]:
    for processes in (1, 2):
        for mode in MODES:
            yield exchange(plan, processes, mode)
    yield spinning(plan)


def tls(plan: Plan) -> Iterator[Section]:
    """A kept connection with TLS. Its handshake is not timed."""
    if not plan.built.tls:
        return
    pem = OUT / "tls.pem"
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    name = ["-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(["openssl", *new, "-keyout", pem, "-out", pem, *name], check=True, capture_output=True)
    with workers() as make:
        worker = make(OUT / "exchange-tls", BENCH_TLS=str(pem))
        ports = {kind: worker.port("serve", kind, "kept") for kind in ("c", "obe", "serve")}

        def run(kind: str, peer: str) -> Run:
            return partial(worker.ask, "client", kind, "kept", ports[peer], 1000)

        yield latency(
            f"tcmd with TLS 1.3, {MODES['kept']}, two threads; the baseline is C with C, by OpenSSL",
            plan.seconds(8, 1.2),
            60,
            [(case, run("c", "c"), run(*pairing), TLS) for case, pairing in PAIRINGS.items()],
        )


def without_spinning(make: Maker, cpus: set[int]) -> Worker:
    """A program on these CPUs whose waits do not spin: its library was loaded while it could use only one CPU."""
    worker = make("taskset", "-c", str(min(cpus)), OUT / "exchange")
    worker.port("serve", "c", "oneshot")  # the library is loaded
    for task in Path(f"/proc/{worker.process.pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), cpus)
    return worker


def spinning_beside(plan: Plan, computing: int, cpus: set[int]) -> Section:
    beside = {0: "no program", 1: "a program", 2: "two programs"}[computing]
    with workers() as make:
        for _ in range(computing):
            make(sys.executable, "-c", "import signal\nsignal.alarm(120)\nwhile True: pass")

        def run(started: Callable[[], Worker]) -> Run:
            client, server = started(), started()
            return partial(client.ask, "client", "obe", "kept", server.port("serve", "serve", "kept"), 2000)

        sleeping = run(lambda: without_spinning(make, cpus))
        spinning = run(lambda: make(OUT / "exchange"))
        bounds: Bounds = (1.05, 1.05) if computing else NONE
        return latency(
            f"spinning beside {beside} that compute{'' if computing == 2 else 's'}, a kept connection, two processes; "
            "the baseline does not spin",
            plan.seconds(8 if computing else 4, 1),
            60,
            [("obe client, obe_serve", sleeping, spinning, bounds)],
        )


def spin(plan: Plan) -> Iterator[Section]:
    cpus = os.sched_getaffinity(0)
    if not plan.quick and len(cpus) > 1:
        for computing in (0, 1, 2):
            yield spinning_beside(plan, computing, cpus)


def queue(plan: Plan, processes: int) -> Section:
    with workers() as make:
        obe, queues = (make(OUT / name) for name in ("exchange", "queues"))
        obe_server, queue_server = (
            (obe, queues) if processes == 1 else (make(OUT / name) for name in ("exchange", "queues"))
        )
        variant = partial(
            obe.ask,
            "client",
            "obe",
            "kept",
            obe_server.port("serve", "serve", "kept"),
            500,
        )
        ports = {kind: queue_server.port("serve", kind, "kept") for kind in plan.built.queues}
        return latency(
            f"tcmd, a kept connection, {'two threads' if processes == 1 else 'two processes'}; "
            "the baseline is a message queue's REQ/REP",
            plan.seconds(6, 1),
            30,
            [
                (
                    f"obe client, obe_serve; {kind}",
                    partial(queues.ask, "client", kind, "kept", port, 500),
                    variant,
                    (0.5, None),
                )
                for kind, port in ports.items()
            ],
        )


def queues(plan: Plan) -> Iterator[Section]:
    if plan.built.queues:
        yield queue(plan, 1)
        yield queue(plan, 2)


def python_exchange(plan: Plan, mode: str, one_core: bool) -> Section:
    with workers() as make:
        # With several cores the wake-up latency counts; with one, only the CPU time of the program.
        where = {"BENCH_ONE_CORE": "1"} if one_core else {}
        one, client = python_worker(make, **where), python_worker(make, **where)
        ports = {kind: one.port("serve", kind, mode) for kind in ("c", "bare", "obe")}
        mains = {kind: python_worker(make, **where).port("main", kind, mode) for kind in ("bare", "obe")}
        count = {"oneshot": 100, "kept": 200}[mode]

        def threads(kind: str, peer: str) -> Run:
            return partial(one.ask, "client", kind, mode, ports[peer], count)

        def processes(kind: str, peer: str) -> Run:
            return partial(client.ask, "client", kind, mode, mains[peer], count)

        bare = processes("bare", "bare")
        bound: Bounds = (1.0, 1.3)
        return latency(
            f"Python{' on one core' if one_core else ''}, {MODES[mode]}; "
            "the baseline is a Python peer on bare sockets in the same place",
            plan.seconds(8, 1.2),
            {"oneshot": 20, "kept": 40}[mode],
            [
                (
                    "obe client, C server, two threads",
                    threads("bare", "c"),
                    threads("obe", "c"),
                    bound,
                ),
                (
                    "C client, obe server, two threads",
                    threads("c", "bare"),
                    threads("c", "obe"),
                    bound,
                ),
                (
                    "obe client, obe server, two processes",
                    bare,
                    processes("obe", "obe"),
                    bound,
                ),
            ],
        )


def python(plan: Plan) -> Iterator[Section]:
    for mode in MODES:
        for one_core in (False, True):
            yield python_exchange(plan, mode, one_core)


# -- 3: messages of all sizes ------------------------------------------------------------------------------------------

SIZES = {
    "100 B": (100, 3000),
    "10 kB": (10**4, 500),
    "1 MB": (10**6, 15),
    "16 MB": (16 * 10**6, 2),
    "64 MB": (64 * 10**6, 1),
}
WAYS = {
    "client sends": ("in", "obe", "c"),
    "client receives": ("out", "obe", "c"),
    "server receives": ("in", "c", "obe"),
    "server sends": ("out", "c", "obe"),
}


def checked(worker: Worker, run: Run, count: int) -> Answer:
    """A transfer, and immediately after it the time of the check of each message."""
    return {**run(), "check_ms": worker.ask("check", count)["ms"]}


def transfer(worker: Worker, ports: dict[str, int], count: int, seconds: float) -> dict[str, list[Pair]]:
    def run(way: str, kind: str, peer: str) -> Run:
        return partial(worker.ask, way, kind, ports[peer], count)

    pairs = [
        (run(way, "c", "c"), partial(checked, worker, run(way, kind, peer), count)) for way, kind, peer in WAYS.values()
    ]
    return dict(zip(WAYS, rounds(seconds, 30, pairs)))


def transport_alone(size: int, answers: Sequence[Pair]) -> Measure:
    """The rates without the time of the check. Its shortest time counts, so that noise cannot improve the result."""
    check_ms = min(variant["check_ms"] for _, variant in answers)
    rates = [(baseline["rate"], size / max(variant["ms"] - check_ms, 1e-3) / 1e3) for baseline, variant in answers]
    return compare("rate", "MB/s", rates, at_least(0.85))


def transfers(plan: Plan) -> Iterator[Section]:
    section = Section("messages one after the other, two threads; the baseline is the same bytes from C to C")
    alone = Section("messages, transport alone; strings, less the time of the check; the baseline as before")
    with workers() as make:
        worker = make(OUT / "transfer")
        ports = {kind: worker.port("serve", kind) for kind in ("c", "obe")}
        for name, (size, count) in SIZES.items():
            if plan.quick and name not in ("1 MB", "16 MB"):
                continue
            for content in ("string", "numbers"):
                worker.ask("message", size, content)
                for way, answers in transfer(worker, ports, count, plan.seconds(3.5, 0.3)).items():
                    case = f"{way}, {name}, {content}"
                    bound = {"string": 0.6, "numbers": 0.4}[content] if size >= 10**6 else None
                    section.rows.append(
                        Row(
                            case,
                            [measure("rate", "MB/s", "rate", answers, at_least(bound))],
                        )
                    )
                    if content == "string" and size >= 10**6:
                        alone.rows.append(Row(case, [transport_alone(size, answers)]))
    alone.notes.append(
        "the check's time is that of obe_send refusing the same text without its last byte, the shortest found; "
        "a receiver's check can overlap with the sender's work, which improves this rate: the table above has the whole"
    )
    yield section
    yield alone


# -- 4: many clients ---------------------------------------------------------------------------------------------------

SERVERS = {"obe": "obe_receive and obe_send", "serve": "obe_serve"}


def with_cpu_time(server: Worker, run: Run) -> Answer:
    """A run, and the server's CPU time for each exchange in µs."""
    began = server.cpu_seconds()
    answer = run()
    return {**answer, "cpu": (server.cpu_seconds() - began) * 1e6 / answer["count"]}


def load(plan: Plan, mode: str) -> Section:
    section = Section(f"many clients, {MODES[mode]}, two processes; the baseline is an epoll server in C")
    with workers() as make:
        clients, baseline = make(OUT / "load"), make(OUT / "load")
        baseline_port = baseline.port("serve")
        servers = {kind: make(OUT / "exchange") for kind in SERVERS}
        ports = {kind: worker.port("serve", kind, mode) for kind, worker in servers.items()}

        def run(server: Worker, port: int, number: int) -> Run:
            # About 80 ms each: in shorter runs the cold caches of a server since its last round would count too.
            count = {"oneshot": 2000, "kept": 15000}[mode] // (4 if plan.quick else 1)
            return partial(
                with_cpu_time,
                server,
                partial(clients.ask, "client", number, mode, port, count),
            )

        cases = [(number, kind) for number in ((64,) if plan.quick else (1, 8, 64, 512)) for kind in SERVERS]
        found = rounds(
            plan.seconds(15, 1.2),
            {"oneshot": 7, "kept": 20}[mode],
            [
                (
                    run(baseline, baseline_port, number),
                    run(servers[kind], ports[kind], number),
                )
                for number, kind in cases
            ],
        )
    for (number, kind), answers in zip(cases, found):
        judged = number > 1
        measures = [
            measure("exchanges", "1/s", "rate", answers, at_least(0.9 if judged else None)),
            measure("p99", "µs", "p99", answers, at_most(1.5 if judged else None)),
            measure("server's CPU time", "µs", "cpu", answers),
        ]
        section.rows.append(Row(f"{number} client{'s' if number > 1 else ''}, {SERVERS[kind]}", measures))
    return section


def loads(plan: Plan) -> Iterator[Section]:
    for mode in MODES:
        yield load(plan, mode)


IDLE = 10_000


def idle(plan: Plan) -> Iterator[Section]:
    section = Section(f"{IDLE:,} idle connections, each after one exchange; the baseline is an epoll server in C")
    if plan.quick or resource.getrlimit(resource.RLIMIT_NOFILE)[0] < IDLE + 100:
        section.notes.append("not in the quick run" if plan.quick else "ulimit -n allows too few descriptors")
        yield section
        return
    with workers() as make:
        busy = make(OUT / "exchange")
        servers = {
            "baseline": (make(OUT / "load"), ["serve"]),
            **{kind: (make(OUT / "exchange"), ["serve", kind, "kept"]) for kind in SERVERS},
        }
        memory: dict[str, float] = {}
        runs: dict[str, Run] = {}
        for kind, (server, words) in servers.items():
            port = server.port(*words)
            runs[kind] = partial(busy.ask, "client", "c", "kept", port, 1000)
            runs[kind]()
            before = server.resident()
            make(OUT / "load").ask("open", port, IDLE)
            memory[kind] = (server.resident() - before) / IDLE
        found = rounds(4, 15, [(runs["baseline"], runs[kind]) for kind in SERVERS])
    for (kind, name), answers in zip(SERVERS.items(), found):
        measures = [
            Measure(
                "memory of each",
                "B",
                memory[kind],
                memory["baseline"],
                limit=Limit(600),
            ),
            measure("busy client's p50", "µs", "p50", answers),
            measure("busy client's p99", "µs", "p99", answers),
        ]
        section.rows.append(Row(name, measures))
    yield section


# -- 5: the library by itself ------------------------------------------------------------------------------------------


def load_once(seconds: float) -> Answer:
    with workers() as make:
        return make(OUT / "footprint", LIBRARY, str(seconds)).ask()


def footprint(plan: Plan) -> Iterator[Section]:
    found = [load_once(2.0)] + [load_once(0.01) for _ in range(2 if plan.quick else 8)]
    load_ms = statistics.median(answer["load_ms"] for answer in found)
    resident = statistics.median(answer["after_kb"] for answer in found) * 1024 / 1e6
    size, busy = LIBRARY.stat().st_size / 1e6, found[0]["idle_percent"]
    yield Section(
        "the library by itself",
        [
            Row("load and first call", [Measure("time", "ms", load_ms, limit=Limit(5))]),
            Row("size of the file", [Measure("size", "MB", size, limit=Limit(6.5))]),
            Row(
                "process after the first call",
                [Measure("resident", "MB", resident, limit=Limit(10))],
            ),
            Row(
                "2 s with a receive that waits",
                [Measure("CPU", "%", busy, limit=Limit(0.05))],
            ),
        ],
    )


# -- 6: documents ------------------------------------------------------------------------------------------------------


def documents(plan: Plan) -> Iterator[Section]:
    if not plan.built.documents:
        return
    section = Section("documents; an array of 1,000,000 doubles, and a reply of 200 bytes")
    with workers() as make:
        many, one, py = (
            make(OUT / "documents"),
            make(OUT / "documents", GOMAXPROCS="1"),
            python_worker(make),
        )
        text = OUT / "array.json"
        many.ask("text", text)

        def run(worker: Worker, *words: object) -> Run:
            return partial(worker.ask, *words)

        write, read, simdjson = (
            run(many, "write", "obe"),
            run(many, "read", "obe"),
            run(many, "read", "simdjson"),
        )
        to_chars = run(many, "write", "to_chars")
        cases: list[tuple[str, Run, Run, float | None]] = [
            ("obe_set_doubles; json.dumps", run(py, "dumps", text), write, 0.2),
            ("obe_set_doubles; std::to_chars", to_chars, write, 1.0),
            ("obe_get_doubles; json.loads", run(py, "loads", text), read, 0.25),
        ]
        if plan.built.simdjson:
            cases.append(("obe_get_doubles; simdjson", simdjson, read, 1.5))
        if not plan.quick:
            cases.append(
                (
                    "obe_set_doubles, one core; std::to_chars",
                    to_chars,
                    run(one, "write", "obe"),
                    0.9,
                )
            )
        if not plan.quick and plan.built.simdjson:
            cases += [
                (
                    "obe_get_doubles, one core; simdjson",
                    simdjson,
                    run(one, "read", "obe"),
                    None,
                ),
                (
                    "obe_message_new, obe_get_doubles; simdjson",
                    simdjson,
                    run(many, "read", "fresh"),
                    0.8,
                ),
                ("the same, one core", simdjson, run(one, "read", "fresh"), 1.2),
            ]
        found = rounds(
            plan.seconds(30, 1),
            20,
            [(baseline, variant) for _, baseline, variant, _ in cases],
        )
        for (name, _, _, bound), answers in zip(cases, found):
            section.rows.append(Row(name, [measure("time", "ms", "ms", answers, at_most(bound))]))

        rate = statistics.median(one.ask("check", 2)["rate"] for _ in range(3 if plan.quick else 10))
        strings = string_check(make(OUT / "transfer", GOMAXPROCS="1"), plan)
        member = statistics.median(many.ask("member")["ns"] for _ in range(5 if plan.quick else 20))
        port = many.port("serve")
        peak = statistics.median(peak_once(port) for _ in range(1 if plan.quick else 5))
    section.rows += [
        Row(
            "JSON check, numbers, one core",
            [Measure("rate", "GB/s", rate, limit=at_least(2.0 if AVX2 else 0.8))],
        ),
        Row(
            "JSON check, a string of 1 MB, one core",
            [Measure("rate", "GB/s", strings, limit=at_least(5.0 if AVX2 else 1.5))],
        ),
        Row(
            "a member of a reply of 200 bytes",
            [Measure("time", "ns", member, limit=Limit(1000))],
        ),
        Row(
            "peak memory, receive and read, less the array",
            [Measure("growth", "messages", peak, limit=Limit(1.3))],
        ),
    ]
    yield section


# Without it the library checks JSON by portable code.
AVX2 = Path("/proc/cpuinfo").exists() and " avx2 " in Path("/proc/cpuinfo").read_text()


def string_check(worker: Worker, plan: Plan) -> float:
    """The rate of the validation of a string of 1 MB, in GB/s."""
    worker.ask("message", 10**6, "string")
    return 1 / statistics.median(worker.ask("check", 20)["ms"] for _ in range(3 if plan.quick else 10))


def peak_once(port: int) -> float:
    with workers() as make:
        found = make(OUT / "documents").ask("peak", port)
    return float(found["grown"] - found["array"]) / float(found["message"])


# -- all of it ---------------------------------------------------------------------------------------------------------

PARTS: dict[str, Callable[[Plan], Iterator[Section]]] = {
    "exchanges": exchanges,
    "tls": tls,
    "spin": spin,
    "queues": queues,
    "python": python,
    "transfers": transfers,
    "loads": loads,
    "idle": idle,
    "footprint": footprint,
    "documents": documents,
}


def connection_cost() -> float:
    """The baseline's exchange on a new connection in µs. It would rise if ports in TIME_WAIT slowed down the run."""
    with workers() as make:
        worker = make(OUT / "exchange")
        port = worker.port("serve", "c", "oneshot")
        found: list[float] = [worker.ask("client", "c", "oneshot", port, 100)["p50"] for _ in range(9)]
    return statistics.median(found)
