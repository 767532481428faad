"""From the start of the process to the first painted window."""

from __future__ import annotations

import statistics

from tests.support.first_paint import first_paint

RUNS = 5


def cold_start() -> float:
    """Seconds to the first paint against a bare Qt window in the same run, each the median of five."""
    pairs = [(first_paint("app")[0], first_paint("bare")[0]) for _ in range(RUNS)]
    ours, bare = zip(*pairs, strict=True)
    return statistics.median(ours) / statistics.median(bare)
