"""Measurements of the product, each a ratio to a limit or to a peer measured in the same run.

`python -m tests.benchmarks` prints them; `portal bench` and `make bench` compare their medians with `baseline.json`.
Absolute times say more about the machine than about the code, so they are never compared.
"""

from __future__ import annotations

import inspect
import json
import statistics
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

BASELINE = Path(__file__).with_name("baseline.json")
REPEATS = 5
WORSE = 0.2
"""How much worse than the baseline a median may be."""

FLOOR = 0.05
"""Ratios below this are noise: a twentieth of the limit is never worth an alarm."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One number: `run` returns a ratio, smaller is better; `goal` is the most it should be."""

    name: str
    against: str
    goal: float
    run: Callable[[], float | Awaitable[float]]


@dataclass(frozen=True, slots=True)
class Result:
    """The ratios of one measure and how they stand."""

    measure: Measure
    ratios: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.ratios)

    def regressed(self, baseline: float | None) -> bool:
        """Whether the median is more than 20 % worse than what is committed."""
        return baseline is not None and self.median > FLOOR and self.median > baseline * (1 + WORSE)

    def as_json(self, baseline: float | None) -> dict[str, object]:
        return {
            "name": self.measure.name,
            "against": self.measure.against,
            "median": round(self.median, 4),
            "ratios": [round(ratio, 4) for ratio in self.ratios],
            "goal": self.measure.goal,
            "met": self.median <= self.measure.goal,
            "baseline": baseline,
            "regressed": self.regressed(baseline),
        }


async def measure(one: Measure, repeats: int = REPEATS) -> Result:
    """Run one measure so many times, one after another."""
    ratios = []
    for _ in range(repeats):
        ratio = one.run()
        ratios.append(float(await ratio if inspect.isawaitable(ratio) else ratio))
    return Result(one, tuple(ratios))


def read_baseline(file: Path) -> dict[str, float]:
    """Return the committed medians by name; empty when there are none yet."""
    if not file.exists():
        return {}
    return {name: float(value) for name, value in json.loads(file.read_text(encoding="utf-8")).items()}
