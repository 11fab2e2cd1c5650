"""The results of the benchmark: on the terminal, as Markdown, as JSON, as a plot."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from limits import reason


@dataclass
class Limit:
    """The upper or lower bound of a score."""

    value: float
    at_least: bool = False

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.value:g}"


@dataclass
class Score:
    """The ratio of a measure, or its value if it has no baseline, and the quartiles of the rounds' scores."""

    value: float
    spread: tuple[float, float] | None = None

    def __str__(self) -> str:
        return f"{self.value:.3f}{f' ({self.quartiles})' if self.spread else ''}"

    @property
    def quartiles(self) -> str:
        return f"{self.spread[0]:.2f}-{self.spread[1]:.2f}" if self.spread else ""


@dataclass
class Measure:
    """One measured value. With a baseline the ratio is compared with the limit, else the value."""

    name: str
    unit: str
    value: float
    baseline: float | None = None
    ratio: float | None = None
    spread: tuple[float, float] | None = None  # the quartiles of the rounds' scores
    limit: Limit | None = None

    @property
    def score(self) -> Score:
        return Score(self.value if self.ratio is None else self.ratio, self.spread)

    @property
    def more_is_better(self) -> bool:
        """Rates are better if they are higher, all else if it is lower."""
        return self.unit.endswith("/s")

    @property
    def holds(self) -> bool | None:
        """Whether the bound holds; None without a bound."""
        if self.limit is None:
            return None
        score = self.score.value
        return score >= self.limit.value if self.limit.at_least else score <= self.limit.value

    def cells(self) -> list[str]:
        return [
            "" if self.baseline is None else number(self.baseline),
            number(self.value),
            self.unit,
            "" if self.ratio is None else f"{self.ratio:.3f}",
            self.score.quartiles,
            "" if self.limit is None else str(self.limit),
            {None: "", True: "holds", False: "MISSED"}[self.holds],
        ]


def compare(name: str, unit: str, pairs: Sequence[tuple[float, float]], limit: Limit | None = None) -> Measure:
    """The measure of rounds of a baseline and the variant compared with it. Each round has its own ratio."""
    ratios = [value / baseline for baseline, value in pairs]
    spread = None
    if len(ratios) > 1:
        low, _, high = statistics.quantiles(ratios, n=4)
        spread = low, high
    return Measure(
        name,
        unit,
        statistics.median(value for _, value in pairs),
        statistics.median(baseline for baseline, _ in pairs),
        statistics.median(ratios),
        spread,
        limit,
    )


def number(value: float) -> str:
    """Three significant digits, with separated thousands."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.3f}"


@dataclass
class Row:
    case: str
    measures: list[Measure]


@dataclass
class Section:
    title: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def named(self) -> list[tuple[str, Row, Measure]]:
        """The measures, with their rows and the names by which the lists and bench/results.json call them."""
        title = self.title.split(";")[0]
        return [(f"{title}: {row.case}, {measure.name}", row, measure) for row in self.rows for measure in row.measures]

    def lines(self) -> list[list[str]]:
        return [
            [row.case if measure is row.measures[0] else "", measure.name, *measure.cells()]
            for _, row, measure in self.named()
        ]

    def lines_with(self, before: dict[str, Score]) -> list[list[str]]:
        """The lines, with the scores of the run before at their ends."""
        lines = []
        for line, (name, _, _) in zip(self.lines(), self.named()):
            score = before.get(name)
            lines.append([*line, *(["", ""] if score is None else [f"{score.value:.3f}", score.quartiles])])
        return lines


COLUMNS = ["case", "", "baseline", "variant", "unit", "ratio", "IQR", "bound", ""]
BEFORE = ["before", "IQR"]
LEFT = {0, 1, 4, 8}


def named(sections: Sequence[Section]) -> list[tuple[str, Measure]]:
    return [(name, measure) for section in sections for name, _, measure in section.named()]


def terminal(section: Section) -> str:
    lines = [COLUMNS, *section.lines()] if section.rows else []
    widths = [max(map(len, column)) for column in zip(*lines)]
    out = ["", section.title.upper()]
    for line in lines:
        cells = zip(range(len(line)), line, widths)
        out.append("  ".join(c.ljust(width) if i in LEFT else c.rjust(width) for i, c, width in cells).rstrip())
    return "\n".join([*out, *(f"  {note}" for note in section.notes)])


def markdown(sections: Sequence[Section], before: dict[str, Score]) -> str:
    columns = [*COLUMNS, *BEFORE]
    out = []
    for section in sections:
        out += [f"### {section.title[0].upper()}{section.title[1:]}", ""]
        if section.rows:
            rule = "|".join("---" if i in LEFT else "--:" for i in range(len(columns)))
            out += [f"| {' | '.join(columns)} |", f"|{rule}|"]
            out += [f"| {' | '.join(line)} |" for line in section.lines_with(before)]
            out += [""]
        if section.notes:
            out += [f"({note}.)" for note in section.notes]
            out += [""]
    return "\n".join(out)


# What the summary shows: the beginning of a section's title, the case, the measure, and a name.
SUMMARY = [
    (
        "tcmd, a connection for each exchange, two threads; the baseline is C",
        "obe client, obe_serve",
        "p50",
        "a command and its reply on a new connection, C with C",
    ),
    (
        "tcmd, a kept connection, two threads; the baseline is C",
        "obe client, obe_serve",
        "p50",
        "the same on a kept connection",
    ),
    (
        "tcmd, a kept connection, two threads; the baseline is a message",
        "obe client, obe_serve; zmq",
        "p50",
        "the same, ZeroMQ's REQ/REP",
    ),
    (
        "tcmd, a kept connection, two threads; the baseline is a message",
        "obe client, obe_serve; nng",
        "p50",
        "the same, nng's REQ/REP",
    ),
    (
        "python, a connection",
        "obe client, obe server, two processes",
        "p50",
        "a command and its reply on a new connection, Python with Python",
    ),
    ("python, a kept", "obe client, obe server, two processes", "p50", "the same on a kept connection"),
    ("messages one", "server receives, 64 MB, string", "rate", "a message of 64 MB, received by a server"),
    ("messages one", "client sends, 64 MB, string", "rate", "the same, sent by a client"),
    ("many clients, a connection", "64 clients, obe_serve", "exchanges", "64 clients, new connections"),
    ("many clients, a kept", "64 clients, obe_serve", "exchanges", "64 clients, kept connections"),
    ("documents", "obe_set_doubles; json.dumps", "time", "writing 1,000,000 doubles, Python's json"),
    ("documents", "obe_set_doubles; std::to_chars", "time", "the same, std::to_chars"),
    ("documents", "obe_get_doubles; json.loads", "time", "reading them, Python's json"),
    ("documents", "obe_get_doubles; simdjson", "time", "the same, simdjson"),
    ("10,000 idle", "obe_serve", "memory of each", "an idle connection, an epoll server in C"),
    ("the library", "load and first call", "time", "loading the library, and the first call"),
    ("the library", "process after the first call", "resident", "memory of a process after the first call"),
]


def summary(sections: Sequence[Section], before: dict[str, Score]) -> str:
    """A table in Markdown of the figures that SUMMARY selects."""
    lines = ["| what, and the baseline | baseline | libobe | unit | ratio | before |", "|---|--:|--:|---|--:|--:|"]
    for title, case, what, text in SUMMARY:
        for section in sections:
            for name, row, measure in section.named():
                if section.title.lower().startswith(title.lower()) and (row.case, measure.name) == (case, what):
                    score = f"{before[name].value:.3f}" if name in before else ""
                    lines.append(f"| {' | '.join([text, *measure.cells()[:4], score])} |")
    return "\n".join(lines)


def plain(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """The sections as JSON."""

    def fields(measure: Measure) -> dict[str, Any]:
        limit = None if measure.limit is None else str(measure.limit)
        return {**vars(measure), "limit": limit, "holds": measure.holds}

    return [
        {
            "title": section.title,
            "notes": section.notes,
            "rows": [{"case": row.case, "measures": list(map(fields, row.measures))} for row in section.rows],
        }
        for section in sections
    ]


def judged(sections: Sequence[Section]) -> list[tuple[str, Measure]]:
    """The measures that have a bound, with their names."""
    return [(name, measure) for name, measure in named(sections) if measure.limit is not None]


def verdict(sections: Sequence[Section], before: dict[str, Score], indent: str) -> list[str]:
    """How many bounds hold, and those that do not, below what limits them."""
    found = judged(sections)
    missed: dict[str, list[str]] = {}
    for name, measure in found:
        if not measure.holds:
            earlier = f" (before: {before[name]})" if name in before else ""
            missed.setdefault(reason(name), []).append(f"{name}: {measure.score}, not {measure.limit}{earlier}")
    count = sum(map(len, missed.values()))
    lines = [f"{len(found) - count} of {len(found)} bounds hold{', and these do not:' if missed else '.'}"]
    for why, names in missed.items():
        lines += [f"{indent}{why[0].upper()}{why[1:]}:", *(f"  {indent}{name}" for name in names)]
    return lines


def plot(sections: Sequence[Section], path: Path) -> bool:
    """Draw a bar for each score that has a bound, relative to it. Returns False if matplotlib is not installed."""
    try:
        import matplotlib  # optional
    except ImportError:
        return False
    matplotlib.use("svg")
    # Small files, and the same file for the same results.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "libobe"})
    from matplotlib import pyplot

    found = judged(sections)
    figure, axes = pyplot.subplots(figsize=(12, 1.2 + 0.2 * len(found)))
    for i, (_, measure) in enumerate(found):
        assert measure.limit is not None
        share = measure.score.value / measure.limit.value
        if measure.limit.at_least:
            share = 1 / max(share, 0.01)
        axes.barh(i, min(share, 2.5), color="#3b7dd8" if measure.holds else "#d8603b", height=0.7)
        axes.text(
            max(1.02, min(share, 2.5) + 0.02),
            i,
            f"{measure.score.value:.3g} ({measure.limit})",
            va="center",
            fontsize=7,
        )
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(found)), [name for name, _ in found], fontsize=7)
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.set_xlim(0, 2.9)
    axes.set_xlabel("score relative to its bound: bars that end left of the line hold")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return True
