"""What the benchmark says about its results: what has become worse, and what limits a bound that is missed."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "bench"))

import history
import limits
import report
from history import Recorded
from report import Limit, Measure, Row, Score, Section


def section(unit: str, value: float, spread: tuple[float, float] | None = None, limit: Limit | None = None) -> Section:
    """A section with one ratio, which is called "part: case, p50"."""
    measure = Measure("p50", unit, 10 * value, 10, value, spread, limit)
    return Section("part; the baseline is C", [Row("case", [measure])])


def before(value: float, spread: tuple[float, float] | None = None) -> Recorded:
    return Recorded("2026-11-28", "Processor A, 2 cores", {"part: case, p50": Score(value, spread)})


@pytest.mark.parametrize(
    ("unit", "old", "now", "worse"),
    [
        ("µs", 1.0, 1.11, True),
        ("µs", 1.0, 1.09, False),
        ("µs", 1.0, 0.5, False),
        ("MB/s", 1.0, 0.9, True),
        ("MB/s", 1.0, 0.92, False),
        ("1/s", 1.0, 2.0, False),
        ("%", 0.0, 0.1, True),
    ],
)
def test_worse_by_more_than_a_tenth(unit: str, old: float, now: float, worse: bool) -> None:
    found = history.worse([section(unit, now)], before(old))
    assert found == ([f"part: case, p50: {old:.3f} was committed, {now:.3f} now"] if worse else [])


def test_what_is_within_the_spread_is_told_too() -> None:
    [sentence] = history.worse([section("µs", 1.5, (1.1, 1.9))], before(1.0, (0.8, 1.2)))
    assert sentence.startswith("part: case, p50: 1.000 (0.80-1.20) was committed, 1.500 (1.10-1.90) now, within")
    [sentence] = history.worse([section("µs", 1.5, (1.3, 1.9))], before(1.0, (0.8, 1.2)))
    assert "within" not in sentence


def test_what_is_beyond_the_spread_is_first() -> None:
    old = {f"part {i}: case, p50": Score(1.0, (0.8, 1.2)) for i in range(2)}
    sections = [section("µs", 1.5, (1.1, 1.9)), section("µs", 2.0, (1.9, 2.1))]
    for i, part in enumerate(sections):
        part.title = f"part {i}"
    found = history.worse(sections, Recorded("", "", old))
    assert [sentence[:6] for sentence in found] == ["part 1", "part 0"]


def test_comparison() -> None:
    assert history.comparison([section("µs", 1.0)], None, "  ") == [
        "no run is committed, with which this one could be compared"
    ]
    head, *sentences = history.comparison([section("µs", 2.0)], before(1.0), "  ")
    assert head.startswith("1 of 1 scores are worse by more than a tenth than those committed on 2026-11-28, of: Proc")
    assert sentences == ["  part: case, p50: 1.000 was committed, 2.000 now"]
    new = Section("another part", section("µs", 2.0).rows)
    assert history.comparison([new], before(1.0), "  ")[0].startswith("0 of 0 scores")


def test_runs_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert history.load(path) == []
    runs = [
        history.record("2026-11-30 18:00", "Processor B", [section("µs", 1.25, (1.0, 1.5))]),
        Recorded("2026-11-28", "“A”", {"a: b, c": Score(1234.5678), "a: b, µ": Score(0.5, (0.25, 0.75))}),
    ]
    history.save(path, runs)
    runs[1].scores["a: b, c"] = Score(1235)
    assert history.load(path) == runs
    assert len(json.loads(path.read_text(encoding="utf-8"))) == 2


def test_two_measures_with_one_name_are_refused() -> None:
    with pytest.raises(AssertionError, match="same name"):
        history.record("", "", [section("µs", 1.0), section("µs", 2.0)])


def test_runs_of_this_processor_are_compared() -> None:
    runs = [Recorded("2", "B, 2 cores", {}), Recorded("1", "A, 4 cores", {})]
    assert history.comparable(runs, "A, 2 cores") is runs[1]
    assert history.comparable(runs, "C, 2 cores") is runs[0]
    assert history.comparable([], "A") is None


def test_a_missed_bound_has_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    sections = [section("µs", 1.5, (1.0, 2.0), Limit(1.2))]
    missed = "  - part: case, p50: 1.500 (1.00-2.00), not ≤ 1.2"
    monkeypatch.setattr(limits, "REASONS", [("part: [^;]*, p50", "it is made up", "Method")])
    head, *lines = report.verdict(sections, {}, "- ")
    assert head == "0 of 1 bounds hold, and these do not:"
    assert lines == ['- It is made up (see "Method"):', missed]
    assert report.verdict(sections, before(1.1).scores, "- ")[2] == f"{missed} (before: 1.100)"
    monkeypatch.setattr(limits, "REASONS", [("part: case, p99", "it is made up", "")])
    assert report.verdict(sections, {}, "- ")[1:] == ["- What limits it is not in bench/limits.py:", missed]
    assert report.verdict([section("µs", 1.1, limit=Limit(1.2))], {}, "- ") == ["1 of 1 bounds hold."]


def test_a_reason_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sections = [section("µs", 1.5, limit=Limit(1.2)) for _ in range(3)]
    for i, part in enumerate(sections):
        part.title = f"part {i}"
    monkeypatch.setattr(limits, "REASONS", [("part [02].*", "one", ""), (".*", "another", "")])
    lines = [line[:8] for line in report.verdict(sections, {}, "- ")[1:]]
    assert lines == ["- One:", "  - part", "  - part", "- Anothe", "  - part"]


def test_the_sections_that_say_more_exist() -> None:
    top = Path(limits.__file__).parents[1]
    texts = [(top / name).read_text(encoding="utf-8") for name in ("BENCHMARKS.md", "docs/performance.md")]
    for pattern, _, more in limits.REASONS:
        re.compile(pattern)
        assert not more or any(re.search(f"^##+ {re.escape(more)}$", text, re.MULTILINE) for text in texts)


def test_unused_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REASONS", [("a.*", "1", ""), ("ab", "2", ""), ("c", "3", "")])
    assert limits.unused(["ab", "ac"]) == ["ab", "c"]


def test_results_have_both_runs() -> None:
    sections = [section("µs", 1.5, (1.0, 2.0))]
    assert "| 15.0 | µs | 1.500 | 1.00-2.00 |  |  | 1.100 | 0.90-1.20 |" in report.markdown(
        sections, before(1.1, (0.9, 1.2)).scores
    )
    assert "| 15.0 | µs | 1.500 | 1.00-2.00 |  |  |  |  |" in report.markdown(sections, {})


def test_the_summary_has_both_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "SUMMARY", [("part", "case", "p50", "an exchange")])
    table = report.summary([section("µs", 1.5)], before(1.1).scores)
    assert table.splitlines()[-1] == "| an exchange | 10.0 | 15.0 | µs | 1.500 | 1.100 |"


def test_the_committed_results_can_be_read() -> None:
    runs = history.load(Path(history.__file__).with_name("results.json"))
    assert 1 <= len(runs) <= 2
    assert all(len(run.scores) > 100 for run in runs)
