"""An engine that proposes the first setting and averages what it is told."""

from __future__ import annotations

from typing import Any


class Engine:
    def __init__(self, model: Any, settings: list[list[Any]], parameters: list[list[float]], cons: Any) -> None:
        self.model, self.allsettings, self.parameters, self.cons = model, settings, parameters, cons
        self.data: list[tuple[Any, ...]] = []

    def opt_setting(self) -> tuple[Any, ...]:
        return tuple(knob[0] for knob in self.allsettings)

    def good_setting(self, pickiness: float = 1.0) -> tuple[Any, ...]:
        return (*self.opt_setting(), pickiness**2)

    def pdf_update(self, record: tuple[Any, Any, Any]) -> None:
        (x,), y, s = record  # one knob, as a list
        self.data.append((x, float(y), float(s)))

    def mean(self) -> list[float]:
        return [sum(y for _, y, _ in self.data) / len(self.data)]
