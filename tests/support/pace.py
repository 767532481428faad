"""How much slower this run is allowed to be: measuring which lines run costs time, and so do other programs."""

from __future__ import annotations

import sys

TRACED = 5.0
SHARED = 1.5


def allowed(seconds: float) -> float:
    """Return a limit of the specification as it holds in this run."""
    coverage = sys.modules.get("coverage")
    traced = coverage is not None and coverage.Coverage.current() is not None
    return seconds * (TRACED if traced else SHARED)
