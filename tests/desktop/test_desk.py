"""The whole program as a process: what a later start hands over, and the ways out."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.seat import sitting

pytestmark = pytest.mark.integration


@pytest.mark.spec("X-04")
async def test_second_start_hands_its_file_to_the_first_and_ends(tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("water the ficus", encoding="utf-8")
    async with sitting(tmp_path / "home") as first:
        await first.until(lambda state: state.get("page"))
        await first.say("page", "tasks")
        await first.until(lambda state: state["page"] == "tasks")
        async with sitting(tmp_path / "home", "", "--quick-ask", str(note)) as second:
            assert await second.process.wait() == 0
        await first.until(lambda state: "water the ficus" in state["draft"])
        assert first.state["draft"].startswith("note.txt:")
        assert first.state["raised"] == 1
        assert first.state["page"] == "chat"


async def test_closing_the_only_window_ends_the_program(tmp_path: Path) -> None:
    async with sitting(tmp_path) as seat:
        await seat.until(lambda state: state.get("page"))
        await seat.say("quit")
        assert (await seat.left())["code"] == 0


async def test_terminated_while_starting_ends_well(tmp_path: Path) -> None:
    async with sitting(tmp_path) as seat:
        await seat.until(lambda state: "ready" in state)
        seat.process.send_signal(signal.SIGTERM)
        assert (await seat.left())["code"] == 0
        assert not (tmp_path / "data" / "portal.db-wal").exists()


async def test_file_given_at_the_first_start_is_in_the_message(tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("call the plumber", encoding="utf-8")
    async with sitting(tmp_path / "home", "", str(note)) as seat:
        await seat.until(lambda state: "call the plumber" in state["draft"])
