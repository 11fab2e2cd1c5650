"""The benchmark: libobe compared with the same exchange written in C, and with message queues and JSON libraries.

    python3 bench/run.py [--quick] [--only PART,…] [--write]

Most results are ratios to a baseline that is measured in the same run. Short rounds of both alternate, each round has
its own ratio, and the median counts. A bound that does not hold is reported, but the exit status is only about failures
of the benchmark itself. BENCHMARKS.md describes what is measured and how.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import history
import limits
import report
from cases import PARTS, Plan, connection_cost
from compile import BENCH, CC, LIBRARY, OUT, TOP, Build
from designer import designers
from report import Section
from workers import Worker

PARTS = {**PARTS, "designer": designers}

RECORD = BENCH / "results.json"
BEGIN, END = "<!-- generated: summary -->", "<!-- end of generated: summary -->"


def first_line(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return f"{command[0]} not found"


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    congestion = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text(encoding="utf-8").strip()
    go = first_line(os.environ.get("GO", "go"), "version").removeprefix("go version ")
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, TCP {congestion}, {go}, "
        f"{first_line(*CC, '--version')}, Python {platform.python_version()}"
    )


def write(sections: Sequence[Section], about: dict[str, Any]) -> None:
    """Write the results into bench/results.md, with the scores of the run before, and a summary into BENCHMARKS.md,
    between its marks. Keep the scores of both runs in bench/results.json, and copy the plot."""
    runs = [history.record(about["date"], about["machine"], sections), *history.load(RECORD)[:1]]
    history.save(RECORD, runs)
    before = runs[1].scores if runs[1:] else {}
    measured = [f"Measured on {about['date']} in {about['seconds']} s on: {about['machine']}."]
    if runs[1:]:
        measured += ["", f"*Before* is the run before it, on {runs[1].date}, on: {runs[1].machine}."]
    verdict, *missed = report.verdict(sections, before, "- ")
    lines = ["<!-- Written by bench/run.py --write; do not edit. -->", "# Results of the benchmark", ""]
    lines += ["[BENCHMARKS.md](../BENCHMARKS.md) says what is measured and how.", "", *measured, ""]
    lines += [*(f"- {note}" for note in about["notes"]), "", verdict, "", *missed, ""]
    lines += [report.markdown(sections, before)]
    (BENCH / "results.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")

    path = TOP / "BENCHMARKS.md"
    head, rest = path.read_text(encoding="utf-8").split(BEGIN)
    _, tail = rest.split(END)
    lines = [*measured, "", report.summary(sections, before), "", verdict, "", *missed]
    path.write_text("\n".join([head + BEGIN, *lines]).rstrip() + f"\n\n{END}{tail}", encoding="utf-8")
    if (OUT / "results.svg").exists():
        shutil.copy(OUT / "results.svg", BENCH / "results.svg")


def abort_on_timeout() -> None:
    print("bench: out of time", file=sys.stderr, flush=True)
    for worker in list(Worker.alive):
        worker.process.kill()
    os._exit(1)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="libobe's benchmark; BENCHMARKS.md describes it")
    parser.add_argument("--quick", action="store_true", help="fewer cases and rounds, in half a minute")
    parser.add_argument("--only", metavar="PART,…", help=f"some parts of: {', '.join(PARTS)}")
    parser.add_argument("--write", action="store_true", help="write bench/results.*, and the summary in BENCHMARKS.md")
    given = parser.parse_args()
    given.parts = given.only.split(",") if given.only else list(PARTS)
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if given.write and (given.quick or given.only):
        parser.error("BENCHMARKS.md and bench/results.md contain whole results: --write excludes --quick and --only")
    if not LIBRARY.exists():
        parser.error(f"{LIBRARY} does not exist: run make first")
    return given


def main() -> int:
    given = options()
    watchdog = threading.Timer(120 if given.quick else 400, abort_on_timeout)
    watchdog.daemon = True
    watchdog.start()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    began, busy = time.monotonic(), os.getloadavg()[0]
    built = Build()
    before = connection_cost()
    sections: list[Section] = []
    broken = False
    for name in given.parts:
        try:
            for section in PARTS[name](Plan(given.quick, built)):
                sections.append(section)
                print(report.terminal(section), flush=True)
        except (RuntimeError, OSError) as error:
            broken = True
            sections.append(Section(name, notes=[f"FAILED: {error}"]))
            print(report.terminal(sections[-1]), flush=True)
    after = connection_cost()

    svg = OUT / "results.svg"
    svg.unlink(missing_ok=True)
    notes = [f"load average before the run: {busy:.1f}"]
    if not report.plot(sections, svg):
        notes.append("no plot: matplotlib is not installed")
    notes.append(
        f"the baseline's exchange on a new connection took {before:.1f} µs before the run and {after:.1f} µs after it: "
        "unless it rose, ports in TIME_WAIT did not slow down the run"
    )
    about: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "machine": machine(),
        "quick": given.quick,
        "seconds": round(time.monotonic() - began),
        "notes": [*notes, *(f"skipped: {skipped}" for skipped in built.skipped)],
    }
    results = OUT / "results.json"
    results.write_text(json.dumps({**about, "sections": report.plain(sections)}, indent=1), encoding="utf-8")
    committed = history.comparable(history.load(RECORD), about["machine"])
    print("", *report.verdict(sections, committed.scores if committed else {}, "  "), sep="\n")
    print("", *history.comparison(sections, committed, "  "), "", *notes, about["machine"], sep="\n")
    for skipped in built.skipped:
        print(f"   SKIPPED: {skipped}")  # as test/run tells it
    print(f"{about['seconds']} s; all results are in {results.relative_to(TOP)}")
    if given.write:
        write(sections, about)
        for pattern in limits.unused(name for name, _ in report.judged(sections)):
            print(f"bench/limits.py: no measure with a bound is first matched by {pattern!r}")
    watchdog.cancel()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
