"""The bus: bounded, ordered, and deaf to the troubles of its listeners."""

from __future__ import annotations

import asyncio
import threading
import time
import tracemalloc
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from portal_desktop import events
from portal_desktop.events import Bus, Event, LoopLagged, SettingChanged, TaskChanged, TasksChanged
from tests.support.clock import FakeClock


def bus(history: int = 0) -> Bus:
    return Bus(FakeClock(), history=history)


async def settle() -> None:
    for _ in range(2000):
        await asyncio.sleep(0)


@pytest.mark.spec("P-27")
def test_events_catalogue_counts_at_least_nineteen_kinds() -> None:
    kinds = {
        kind
        for kind in vars(events).values()
        if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
    }
    assert len(kinds) >= 19


@pytest.mark.spec("P-27")
async def test_publish_hundred_thousand_keeps_memory_flat_and_evicts_the_oldest() -> None:
    line = bus(history=1000)
    line.subscribe(TaskChanged, lambda event: None)
    for number in range(2000):
        line.publish(TaskChanged(number))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(100_000):
        line.publish(TaskChanged(number))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 300_000
    kept = [event.task_id for event in line.history if isinstance(event, TaskChanged)]
    assert kept == list(range(99_000, 100_000))


async def test_history_by_default_is_off_and_never_above_thousand() -> None:
    silent, greedy = bus(), bus(history=5000)
    for number in range(1500):
        silent.publish(TaskChanged(number))
        greedy.publish(TaskChanged(number))
    assert silent.history == ()
    assert len(greedy.history) == 1000


@pytest.mark.spec("P-27")
async def test_publish_to_raising_listener_reports_and_serves_the_others() -> None:
    line, heard, reported = bus(), list[int](), list[dict[str, Any]]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    def broken(event: TaskChanged) -> None:
        raise ValueError(event.task_id)

    async def broken_later(event: TaskChanged) -> None:
        raise KeyError(event.task_id)

    line.subscribe(TaskChanged, broken)
    line.subscribe(TaskChanged, broken_later)
    line.subscribe(TaskChanged, lambda event: heard.append(event.task_id))
    line.publish(TaskChanged(1))
    line.publish(TaskChanged(2))
    await settle()
    assert heard == [1, 2]
    assert sorted(repr(context["exception"]) for context in reported) == [
        "KeyError(1)",
        "KeyError(2)",
        "ValueError(1)",
        "ValueError(2)",
    ]


@pytest.mark.spec("P-27")
async def test_publish_to_listener_that_waits_five_seconds_returns_at_once() -> None:
    line, clock, tokens = bus(), FakeClock(), list[int]()
    started, ended = list[int](), list[int]()

    async def slow(event: TaskChanged) -> None:
        started.append(event.task_id)
        await clock.sleep(5.0)
        ended.append(event.task_id)

    subscription = line.subscribe(TaskChanged, slow)
    begin = time.perf_counter()
    for number in range(300):
        line.publish(TaskChanged(number))
        tokens.append(number)
        await asyncio.sleep(0)
    assert time.perf_counter() - begin < 1.0
    assert len(tokens) == 300
    assert (started, ended) == ([0], [])
    await clock.advance(5.0)
    assert ended == [0]
    subscription.close()


async def test_subscription_full_queue_drops_the_oldest_and_counts() -> None:
    line, heard = bus(), list[int]()
    subscription = line.subscribe(TaskChanged, lambda event: heard.append(event.task_id), queue=3)
    for number in range(10):
        line.publish(TaskChanged(number))
    await settle()
    assert heard == [7, 8, 9]
    assert subscription.missed == 7


async def test_subscription_hears_its_kind_and_kinds_below_it() -> None:
    line, every, tasks = bus(), list[str](), list[str]()
    line.subscribe(Event, lambda event: every.append(type(event).__name__))
    line.subscribe(TasksChanged, lambda event: tasks.append(type(event).__name__))
    line.publish(TasksChanged())
    line.publish(SettingChanged("chat.max_rounds"))
    await settle()
    assert every == ["TasksChanged", "SettingChanged"]
    assert tasks == ["TasksChanged"]


async def test_subscription_closed_hears_nothing_more() -> None:
    line, heard = bus(), list[int]()
    subscription = line.subscribe(TaskChanged, lambda event: heard.append(event.task_id))
    line.publish(TaskChanged(1))
    subscription.close()
    line.publish(TaskChanged(2))
    subscription.close()
    await settle()
    assert heard == []


async def test_subscription_closed_while_its_callback_runs_cancels_it() -> None:
    line, clock, outcome = bus(), FakeClock(), list[str]()

    async def slow(event: TaskChanged) -> None:
        try:
            await clock.sleep(5.0)
        except asyncio.CancelledError:
            outcome.append("cancelled")
            raise

    subscription = line.subscribe(TaskChanged, slow)
    line.publish(TaskChanged(1))
    await settle()
    subscription.close()
    await settle()
    assert outcome == ["cancelled"]


async def test_publish_from_another_thread_is_heard_on_the_loop() -> None:
    line, heard = bus(), asyncio.Event()
    threads: list[str] = []

    def listener(event: LoopLagged) -> None:
        threads.append(threading.current_thread().name)
        heard.set()

    line.subscribe(LoopLagged, listener)
    await asyncio.to_thread(line.publish, LoopLagged(1.0))
    await asyncio.wait_for(heard.wait(), 5)
    assert threads == [threading.main_thread().name]


def test_publish_without_a_loop_waits_for_one() -> None:
    line, heard = bus(), list[int]()
    line.subscribe(TaskChanged, lambda event: heard.append(event.task_id))
    line.publish(TaskChanged(1))
    assert heard == []

    async def later() -> None:
        line.publish(TaskChanged(2))
        await settle()

    asyncio.run(later())
    assert heard == [1, 2]


async def test_event_published_is_frozen_and_stamped_in_utc() -> None:
    line = bus(history=1)
    line.publish(TaskChanged(5))
    (event,) = line.history
    assert event.at.isoformat() == "2026-11-21T09:30:00+00:00"
    with pytest.raises(FrozenInstanceError):
        event.task_id = 6  # type: ignore[attr-defined]
