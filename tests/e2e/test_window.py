"""The real program in a process of its own: what it reaches, what it writes, how it ends, and a second start."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from tests.servers.base import serving
from tests.servers.ollama import FakeOllama
from tests.support.portal import portal
from tests.support.seat import Seat, served, sitting

pytestmark = pytest.mark.integration

WORDS = "one two three four five six seven eight nine ten"
ANSWERED = f"You said: {WORDS}"

ALLOWED_FILES = ("data/portal.db", "data/portal.db-wal", "data/portal.db-shm", "data/instance.lock")
ALLOWED_FOLDERS = ("data/backups", "logs")


@pytest.fixture
def server() -> Iterator[FakeOllama]:
    with serving(FakeOllama(pace=0.02)) as server:
        yield server


def files(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if not file.is_dir()}


def stray(home: Path) -> set[str]:
    """Return the files of a home that a full run of use may not leave."""
    return {
        name
        for name in files(home)
        if name not in ALLOWED_FILES and not name.startswith(tuple(f"{folder}/" for folder in ALLOWED_FOLDERS))
    }


def rows(home: Path, sql: str) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(home / "data" / "portal.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


async def use(seat: Seat, question: str = WORDS) -> None:
    """Ask, wait for the answer, look at the tasks, move the window, change the theme."""
    await seat.ready()
    await seat.say("ask", question)
    await seat.until(lambda state: state["texts"][1:] == [f"You said: {question}"] and not state["running"])
    await seat.say("page", "tasks")
    await seat.say("size", "700", "600")
    await seat.say("theme", "dark")
    await seat.until(lambda state: state["page"] == "tasks")


@pytest.mark.spec("P-01", "S-01", "X-01")
async def test_full_run_of_use_reaches_loopback_only_and_leaves_nothing_but_the_database(
    server: FakeOllama, tmp_path: Path
) -> None:
    home, user, temporary = (tmp_path / name for name in ("home", "user", "temporary"))
    for folder in (user, temporary):
        folder.mkdir()
    apart = {
        "HOME": str(user),
        "TMPDIR": str(temporary),
        **{f"XDG_{k}_HOME": str(user / k) for k in ("CONFIG", "DATA", "CACHE", "STATE")},
    }
    async with sitting(home, server.base_url, more=apart) as seat:
        await use(seat)
        await portal("tasks", "add", "water the ficus", home=home, more={**served(server.base_url), **apart})
        await seat.until(lambda state: state["tasks"] == ["water the ficus"])
        during = stray(home)
        await seat.say("quit")
        report = await seat.left()
    assert report["code"] == 0
    assert set(report["connected"]) == {"127.0.0.1"}
    assert {name for name in during if not name.endswith(".sock")} == set()
    assert stray(home) == set()
    assert report["written"]
    assert all(Path(name).is_relative_to(home) for name in report["written"])
    assert {name for name in files(user) if "fontconfig" not in name} == set()
    assert files(temporary) == set()


@pytest.mark.spec("S-01", "X-10")
async def test_another_start_paints_the_place_and_the_look_it_had(server: FakeOllama, tmp_path: Path) -> None:
    async with sitting(tmp_path, server.base_url) as seat:
        await use(seat)
        await seat.say("quit")
        assert (await seat.left())["code"] == 0
    async with sitting(tmp_path, server.base_url) as seat:
        await seat.until(lambda state: state.get("page"))
        first = seat.state["first"]
        assert first["rect"][2:] == [700, 600]
        assert first["scheme"] == "dark"
        assert seat.state["page"] == "tasks"


@pytest.mark.spec("P-01")
async def test_doctor_beside_a_fake_ollama_says_ok(server: FakeOllama, tmp_path: Path) -> None:
    done = await portal("doctor", home=tmp_path, more=served(server.base_url))
    assert done.code == 0, done.out
    assert "fake (4 models)" in done.out


@pytest.mark.spec("P-02")
async def test_same_question_by_window_and_command_differs_in_source_only(server: FakeOllama, tmp_path: Path) -> None:
    async with sitting(tmp_path, server.base_url) as seat:
        await seat.ready()
        await seat.say("ask", WORDS)
        await seat.until(lambda state: state["texts"][1:] == [ANSWERED] and not state["running"])
        done = await portal("ask", WORDS, home=tmp_path, more=served(server.base_url))
        assert done.code == 0, done.err
        assert ANSWERED in done.out
        await seat.say("quit")
        await seat.left()
    turns = rows(tmp_path, "SELECT source, model, status FROM turns ORDER BY started_at")
    assert turns == [("window", "fake/llama3.2:3b", "complete"), ("cli", "fake/llama3.2:3b", "complete")]
    steps = [
        [
            step
            for (step,) in rows(
                tmp_path, f"SELECT json_extract(value, '$.step') FROM turns, json_each(steps) WHERE source = '{source}'"
            )
        ]
        for source in ("window", "cli")
    ]
    assert steps[0] == steps[1]
    assert len(steps[0]) > 3


@pytest.mark.spec("P-30")
async def test_terminated_while_streaming_ends_in_time_and_keeps_the_partial_answer(tmp_path: Path) -> None:
    with serving(FakeOllama(pace=0.2)) as server:
        async with sitting(tmp_path, server.base_url) as seat:
            await seat.ready()
            await seat.say("ask", "a long one")
            await seat.until(lambda state: "number 3" in "".join(state["texts"]))
            told = time.monotonic()
            seat.process.send_signal(signal.SIGTERM)
            report = await seat.left()
            assert time.monotonic() - told < 5
            assert report["code"] == 0
            assert not (tmp_path / "data" / "portal.db-wal").exists()
        async with sitting(tmp_path, server.base_url) as seat:
            await seat.until(lambda state: len(state["texts"]) == 2)
            assert "Sentence number 3 of a long answer" in seat.state["texts"][1]
            assert seat.state["statuses"] == ["complete", "stopped"]


@pytest.mark.spec("P-30", "X-04")
async def test_second_start_raises_the_first_and_ends_at_once(server: FakeOllama, tmp_path: Path) -> None:
    async with sitting(tmp_path, server.base_url) as seat:
        await seat.ready()
        took = []
        for number in (1, 2, 3):
            async with sitting(tmp_path, server.base_url) as second:
                begun = time.monotonic()
                assert await second.process.wait() == 0
                took.append(time.monotonic() - begun)
            await seat.until(lambda state, number=number: state["raised"] == number)
        assert min(took) < 1
        assert seat.process.returncode is None


@pytest.mark.spec("X-04")
async def test_killed_while_streaming_starts_again_without_clean_up(tmp_path: Path) -> None:
    with serving(FakeOllama(pace=0.2)) as server:
        async with sitting(tmp_path, server.base_url) as seat:
            await seat.ready()
            await seat.say("ask", "a long one")
            await seat.until(lambda state: "number 8" in "".join(state["texts"]))
            seat.process.kill()
            assert (await seat.left())["code"] == -signal.SIGKILL
        async with sitting(tmp_path, server.base_url) as seat:
            await seat.until(lambda state: len(state["texts"]) == 2)
            assert seat.state["texts"][1].startswith("Sentence number 1 of a long answer.")
            assert seat.state["statuses"] == ["complete", "interrupted"]
            await seat.say("quit")
            assert (await seat.left())["code"] == 0


@pytest.mark.spec("X-01")
async def test_two_homes_run_side_by_side_as_two_instances(server: FakeOllama, tmp_path: Path) -> None:
    async with (
        sitting(tmp_path / "one", server.base_url) as one,
        sitting(tmp_path / "two", server.base_url) as two,
    ):
        await one.ready()
        await two.ready()
        await one.say("ask", "only here")
        await one.until(lambda state: "You said: only here" in state["texts"] and not state["running"])
        assert two.state["texts"] == []
        for seat in (one, two):
            await seat.say("quit")
            assert (await seat.left())["code"] == 0
    assert rows(tmp_path / "two", "SELECT count(*) FROM messages") == [(0,)]


@pytest.mark.spec("X-75")
async def test_change_by_command_is_in_the_open_window_within_a_second(server: FakeOllama, tmp_path: Path) -> None:
    async with sitting(tmp_path, server.base_url) as seat:
        await seat.ready()
        done = await portal("tasks", "add", "call the plumber", home=tmp_path)
        ended = time.monotonic()
        assert done.code == 0, done.err
        seen = await seat.until(lambda state: state["tasks"] == ["call the plumber"])
        assert seen - ended < 1
        done = await portal("tasks", "rm", "1", home=tmp_path)
        ended = time.monotonic()
        assert done.code == 0, done.err
        assert await seat.until(lambda state: state["tasks"] == []) - ended < 1
