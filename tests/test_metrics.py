"""Counts, buckets and the watch over the event loop."""

from __future__ import annotations

import asyncio
import time

import pytest

from portal_desktop.clock import SystemClock
from portal_desktop.events import Bus, LoopLagged
from portal_desktop.metrics import FIRST_TOKEN_BOUNDS, MOST_SERIES, Histogram, LoopWatch, Metrics, Restarts
from tests.support.clock import FakeClock


def test_histogram_given_values_counts_them_by_their_upper_edge() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 99.0):
        histogram.add(value)
    assert histogram.counts == [2, 1, 1]
    assert (histogram.count, histogram.total) == (4, 102.0)
    assert (histogram.quantile(0.5), histogram.quantile(0.75), histogram.quantile(1.0)) == (1.0, 2.0, float("inf"))
    assert Histogram((1.0,)).quantile(0.5) is None


@pytest.mark.spec("P-31")
async def test_metrics_of_requests_and_tools_are_in_the_snapshot(fake_clock: FakeClock) -> None:
    metrics = Metrics(fake_clock)
    metrics.request(0.5, 2.5, 40)
    metrics.request(None, 1.0, None, failed=True)
    metrics.tool("add_task", ok=True)
    metrics.tool("add_task", ok=False)
    snapshot = metrics.snapshot()
    assert snapshot.counters == {
        "requests.answered": 1,
        "requests.failed": 1,
        "tools.add_task.ok": 1,
        "tools.add_task.failed": 1,
    }
    assert snapshot.histograms["first_token_seconds"] == (1, 0.5)
    assert snapshot.histograms["tokens_per_second"] == (1, 20.0)
    assert snapshot.requests_per_minute == 2
    await fake_clock.advance(61)
    assert metrics.snapshot().requests_per_minute == 0
    assert (FIRST_TOKEN_BOUNDS[0], FIRST_TOKEN_BOUNDS[-1]) == (0.01, 5.0)


def test_metrics_with_endless_names_stay_bounded(fake_clock: FakeClock) -> None:
    metrics = Metrics(fake_clock)
    for number in range(MOST_SERIES + 100):
        metrics.count(f"name {number}")
    counters = metrics.snapshot().counters
    assert len(counters) == MOST_SERIES + 1
    assert counters["other"] == 100


@pytest.mark.spec("P-31")
async def test_restarts_after_failures_are_five_ever_later_and_forgotten_after_quiet(fake_clock: FakeClock) -> None:
    restarts = Restarts(fake_clock)
    assert [restarts.after_failure() for _ in range(7)] == [10.0, 20.0, 40.0, 80.0, 160.0, None, None]
    await fake_clock.advance(600)
    assert restarts.after_failure() == 10.0


@pytest.mark.spec("P-31")
async def test_watch_over_a_loop_blocked_for_a_second_publishes_a_lag() -> None:
    bus, heard = Bus(SystemClock()), asyncio.Event()
    lags: list[float] = []

    def listen(event: LoopLagged) -> None:
        lags.append(event.seconds)
        heard.set()

    bus.subscribe(LoopLagged, listen)
    watch = asyncio.create_task(
        LoopWatch(SystemClock(), lambda seconds: bus.publish(LoopLagged(seconds)), every=0.05).run()
    )
    await asyncio.sleep(0.1)
    time.sleep(1.0)
    await asyncio.wait_for(heard.wait(), 5)
    watch.cancel()
    assert 0.8 <= max(lags) < 10
