"""From a slot into a coroutine: nothing is lost, nothing stays."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from portal_desktop.errors import InvalidInput, PortalError
from portal_desktop.ui.look import Look
from portal_desktop.ui.places import Places
from portal_desktop.ui.spawn import Spawn
from portal_desktop.ui.window import MainWindow
from tests.support.desk import until

pytestmark = pytest.mark.gui


@pytest.mark.spec("X-03")
@pytest.mark.expects_log("a slot's coroutine failed")
async def test_spawn_raising_coroutine_shows_error_card(look: Look, tmp_path: Path) -> None:
    window = MainWindow(look, Places())
    window.show()
    spawn = Spawn(window.show_error)

    async def fails() -> None:
        raise ValueError("deep inside")

    spawn.start(fails())
    await until(window.error_card.isVisible)
    assert "Something in Portal Desktop went wrong" in window.error_card.text
    assert "deep inside" in window.error_card._details.toPlainText()
    window.close()


async def test_spawn_portal_error_is_shown_as_it_is() -> None:
    shown: list[PortalError] = []
    spawn = Spawn(shown.append)

    async def fails() -> None:
        raise InvalidInput("not_found", what="chat 7")

    await spawn.start(fails())
    assert [error.name for error in shown] == ["not_found"]


async def test_spawn_keeps_task_alive_without_other_references() -> None:
    done: list[int] = []
    spawn = Spawn(lambda _error: None)

    async def waits() -> None:
        await asyncio.get_running_loop().create_future()

    async def works() -> None:
        await asyncio.sleep(0.01)
        done.append(1)

    spawn.start(waits())
    spawn.start(works())
    await asyncio.to_thread(gc.collect)
    await until(lambda: done and spawn.running == 1)
    await spawn.close()
    assert spawn.running == 0


async def test_spawn_close_before_first_step_leaves_nothing() -> None:
    spawn = Spawn(lambda _error: None)
    task = spawn.start(asyncio.sleep(60))
    await spawn.close()
    assert task.cancelled()
