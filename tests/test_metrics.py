"""Counts, buckets and the watch over the event loop."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path

import pytest

from portal_desktop.assembly import Core, _tell_health
from portal_desktop.clock import SystemClock
from portal_desktop.errors import StorageError
from portal_desktop.events import Bus, LoopLagged
from portal_desktop.metrics import FIRST_TOKEN_BOUNDS, MOST_SERIES, HealthWatch, Histogram, LoopWatch, Metrics, Restarts
from portal_desktop.paths import Paths
from portal_desktop.settings import Environment
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


@pytest.mark.spec("P-31")
async def test_health_three_failures_make_a_part_degraded_and_one_success_well(fake_clock: FakeClock) -> None:
    works = {"database": True, "Ollama": True}
    told: list[tuple[float, str, bool]] = []
    begin = fake_clock.monotonic()

    async def ask(part: str) -> bool:
        if not works[part] and part == "database":
            raise StorageError("database_locked")
        return works[part]

    watch = HealthWatch(
        fake_clock,
        lambda: {part: partial(ask, part) for part in works},
        lambda part, well: told.append((fake_clock.monotonic() - begin, part, well)),
    )
    running = asyncio.create_task(watch.run())
    await fake_clock.advance(31)
    works["database"] = False
    works["Ollama"] = False
    await fake_clock.advance(60)
    works["Ollama"] = True
    assert told == []
    await fake_clock.advance(120)
    assert told == [(120.0, "database", False)]
    works["database"] = True
    await fake_clock.advance(30)
    assert told[1:] == [(240.0, "database", True)]
    running.cancel()


@pytest.mark.spec("P-31")
@pytest.mark.expects_log("a part is degraded")
async def test_core_that_watches_logs_a_database_that_fails_three_times(
    tmp_path: Path, fake_clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    core = Core(Paths.below(tmp_path), Environment({}), clock=fake_clock, program="test", ports=())
    await core.start()
    (ask,) = core._parts().values()
    assert await ask()
    await core.stop()
    watch = HealthWatch(fake_clock, core._parts, _tell_health)
    for _ in range(3):
        await watch.look()
    assert "a part is degraded" in caplog.text
