"""The administrator's file changes while the app runs: noticed, judged as a whole, taken by all or by nobody."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from portal_desktop.errors import SettingsError
from portal_desktop.settings import AdminFileWatcher, Setting, Settings, declared
from tests.settings.conftest import Table
from tests.support.clock import FakeClock

Make = Callable[..., Settings]
FIRST = "[chat]\nmax_rounds = 6\n"


class Watched:
    """A running watcher and what it told."""

    def __init__(self, settings: Settings, clock: FakeClock) -> None:
        self.settings = settings
        self.heard: list[str] = []
        self.refused: list[SettingsError] = []
        self._clock = clock
        settings.subscribe(lambda setting: self.heard.append(setting.id))
        self._watcher = AdminFileWatcher(settings, clock, self.refused.append)
        self.running = asyncio.create_task(self._watcher.run())

    @property
    def rounds(self) -> int:
        return self.settings.get(declared.MAX_ROUNDS)

    async def seconds(self, count: int) -> None:
        """Let so many seconds go by, with time for the reading thread in each."""
        for _ in range(count):
            await self._clock.advance(1.0)
            await self._idle()

    async def _idle(self) -> None:
        while not self._clock._sleepers:
            await asyncio.sleep(0.001)


@pytest.fixture
async def watched(make: Make, admin_file: Path, fake_clock: FakeClock) -> AsyncIterator[Watched]:
    admin_file.write_text(FIRST)
    watched = Watched(make(), fake_clock)
    await watched._idle()
    yield watched
    watched.running.cancel()


@pytest.mark.spec("P-29", "P-44")
async def test_file_changed_in_place_is_in_force_within_five_seconds(watched: Watched, admin_file: Path) -> None:
    admin_file.write_text("[chat]\nmax_rounds = 4\n")
    await watched.seconds(5)
    assert (watched.rounds, watched.heard, watched.refused) == (4, ["chat.max_rounds"], [])


@pytest.mark.spec("P-29", "P-44")
async def test_file_replaced_in_one_move_is_noticed_every_time(watched: Watched, admin_file: Path) -> None:
    for rounds in range(10, 20):
        fresh = admin_file.with_suffix(".new")
        fresh.write_text(f"[chat]\nmax_rounds = {rounds}\n")
        os.utime(fresh, (1, 1))
        fresh.replace(admin_file)
        await watched.seconds(3)
        assert watched.rounds == rounds


@pytest.mark.spec("P-29", "P-44")
async def test_file_with_a_value_out_of_range_is_refused_and_told_once(watched: Watched, admin_file: Path) -> None:
    admin_file.write_text("[chat]\nmax_rounds = 99\n[appearance]\nzoom = 150\n")
    await watched.seconds(5)
    assert (watched.rounds, watched.settings.get(declared.ZOOM), watched.heard) == (6, 100, [])
    (problem,) = watched.refused
    assert "chat.max_rounds: 99 is not between" in problem.advice
    admin_file.write_text("[chat]\nmax_rounds = 5\n")
    await watched.seconds(3)
    assert (watched.rounds, watched.settings.problems, len(watched.refused)) == (5, (), 1)


@pytest.mark.spec("P-29", "P-44")
async def test_file_deleted_keeps_the_last_good_values(watched: Watched, admin_file: Path) -> None:
    admin_file.unlink()
    await watched.seconds(5)
    assert (watched.rounds, watched.heard, watched.refused) == (6, [], [])


@pytest.mark.spec("P-44")
async def test_file_deleted_and_written_anew_is_noticed(watched: Watched, admin_file: Path) -> None:
    admin_file.unlink()
    await watched.seconds(3)
    admin_file.write_text("[chat]\nmax_rounds = 7\n")
    await watched.seconds(3)
    assert watched.rounds == 7


@pytest.mark.spec("P-44")
async def test_file_half_written_is_left_alone_until_it_stands_still(watched: Watched, admin_file: Path) -> None:
    whole = "[chat]\nmax_rounds = 4\n[appearance]\nzoom = 150\n"
    for length in range(1, len(whole) + 1):
        admin_file.write_text(whole[:length])
        await watched.seconds(1)
        assert watched.heard == []
    await watched.seconds(1)
    assert (watched.rounds, watched.settings.get(declared.ZOOM), watched.refused) == (4, 150, [])


@pytest.mark.spec("P-44")
async def test_file_touched_without_a_change_tells_nobody(watched: Watched, admin_file: Path) -> None:
    admin_file.write_text(FIRST)
    os.utime(admin_file, (1, 1))
    await watched.seconds(5)
    assert watched.heard == []


@pytest.mark.spec("P-44")
async def test_file_that_comes_to_a_running_app_is_noticed(make: Make, admin_file: Path, fake_clock: FakeClock) -> None:
    watched = Watched(make(), fake_clock)
    await watched._idle()
    admin_file.write_text("[chat]\nmax_rounds = 4\n")
    await watched.seconds(3)
    watched.running.cancel()
    assert watched.rounds == 4


@pytest.mark.spec("P-44")
async def test_file_emptied_ends_its_values(watched: Watched, admin_file: Path) -> None:
    admin_file.write_text("")
    await watched.seconds(3)
    assert (watched.rounds, watched.heard) == (8, ["chat.max_rounds"])


@pytest.mark.spec("P-44")
async def test_file_broken_at_first_and_mended_later_is_taken(watched: Watched, admin_file: Path) -> None:
    admin_file.write_bytes(b"\xff\xfe\x00")
    await watched.seconds(5)
    assert (watched.rounds, len(watched.refused)) == (6, 1)
    admin_file.write_text(FIRST)
    await watched.seconds(3)
    assert (watched.rounds, watched.settings.problems) == (6, ())


@pytest.mark.spec("P-29", "P-44")
async def test_listener_that_refuses_gives_the_old_values_back_to_those_before_it(
    watched: Watched, admin_file: Path
) -> None:
    first: list[int] = []

    def refuses(setting: Setting[Any]) -> None:
        if watched.rounds == 4:
            raise SettingsError("bad_setting", field=setting.id, problem="not now")

    watched.settings.subscribe(lambda _: first.append(watched.rounds))
    watched.settings.subscribe(refuses)
    admin_file.write_text("[chat]\nmax_rounds = 4\n")
    await watched.seconds(3)
    assert first == [4, 6]
    assert watched.rounds == 6
    assert [problem.values["problem"] for problem in watched.refused] == ["not now"]


async def test_listener_that_refuses_a_users_value_leaves_nothing_changed(make: Make, table: Table) -> None:
    settings = make()
    await settings.attach(table)
    await settings.set(declared.ZOOM, 120)

    def refuses(setting: Setting[Any]) -> None:
        if settings.get(declared.ZOOM) == 150:
            raise SettingsError("bad_setting", field=setting.id, problem="too large here")

    settings.subscribe(refuses)
    with pytest.raises(SettingsError):
        await settings.set(declared.ZOOM, 150)
    assert settings.get(declared.ZOOM) == 120
    assert table.rows == {"appearance.zoom": "120"}
