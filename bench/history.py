"""The scores of the last two whole runs, which are committed in bench/results.json, and what has become worse."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from report import Score, Section, named

WORSE = 1.1  # what is worse by more than this factor is told


@dataclass
class Recorded:
    """A whole run: when and where, and its scores by their names."""

    date: str
    machine: str
    scores: dict[str, Score]


def record(date: str, machine: str, sections: Sequence[Section]) -> Recorded:
    scores = {name: measure.score for name, measure in named(sections)}
    assert len(scores) == len(named(sections)), "two measures have the same name"
    return Recorded(date, machine, scores)


def load(path: Path) -> list[Recorded]:
    """The recorded runs, the newest first."""
    if not path.exists():
        return []

    def score(values: list[float]) -> Score:
        return Score(values[0], (values[1], values[2]) if values[1:] else None)

    return [
        Recorded(run["date"], run["machine"], {name: score(values) for name, values in run["scores"].items()})
        for run in json.loads(path.read_text(encoding="utf-8"))
    ]


def save(path: Path, runs: Sequence[Recorded]) -> None:
    """Write the runs, with a line for each score."""

    def line(name: str, score: Score) -> str:
        values = [float(f"{value:.4g}") for value in (score.value, *(score.spread or ()))]
        return f"  {json.dumps(name, ensure_ascii=False)}: {values}"

    texts = []
    for run in runs:
        about = f'"date": {json.dumps(run.date)},\n "machine": {json.dumps(run.machine)},\n "scores": {{\n'
        texts.append("{" + about + ",\n".join(line(*item) for item in run.scores.items()) + "\n }\n}")
    path.write_text("[" + ",\n".join(texts) + "]\n", encoding="utf-8")


def comparable(runs: Sequence[Recorded], machine: str) -> Recorded | None:
    """The newest run on a machine with this processor; without one, the newest."""

    def processor(text: str) -> str:
        return text.split(",", 1)[0]

    return next((run for run in runs if processor(run.machine) == processor(machine)), runs[0] if runs else None)


def overlap(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return a[0] <= b[1] and b[0] <= a[1]


def worse(sections: Sequence[Section], before: Recorded) -> list[str]:
    """A sentence for each score that is worse than before by more than a tenth, those within the spread at the end."""
    found: list[tuple[bool, str]] = []
    for name, measure in named(sections):
        old, now = before.scores.get(name), measure.score
        if old is None:
            continue
        low, high = (now.value, old.value) if measure.more_is_better else (old.value, now.value)
        if high <= low * WORSE:
            continue
        sentence = f"{name}: {old} was committed, {now} now"
        within = bool(old.spread and now.spread and overlap(old.spread, now.spread))
        found.append((within, sentence + (", within the spread: the quartiles overlap" if within else "")))
    return [sentence for _, sentence in sorted(found, key=lambda pair: pair[0])]


def comparison(sections: Sequence[Section], before: Recorded | None, indent: str) -> list[str]:
    """What is worse than in a recorded run, below a line that says which run that is."""
    if before is None:
        return ["no run is committed, with which this one could be compared"]
    found = [indent + sentence for sentence in worse(sections, before)]
    compared = sum(name in before.scores for name, _ in named(sections))
    return [
        f"{len(found)} of {compared} scores are worse by more than a tenth than those committed on {before.date}, of: "
        f"{before.machine}{':' if found else ''}",
        *found,
    ]
