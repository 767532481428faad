"""Killed at any moment: nothing that was acknowledged is lost, nothing is ever half there."""

from __future__ import annotations

import random
import sys
import time
import zlib
from pathlib import Path

import apsw
import pytest

from portal_desktop.clock import SystemClock
from portal_desktop.messages import Status
from portal_desktop.storage.backup import Backups
from portal_desktop.storage.conversations import Conversations
from portal_desktop.storage.copies import Reason
from portal_desktop.storage.database import Database
from portal_desktop.storage.migrations import MIGRATIONS
from portal_desktop.storage.search import check_indexes
from portal_desktop.storage.tasks import TaskRows
from tests.faults.children import Child, Children
from tests.faults.work import SECOND

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="children are forked"),
]


async def check(path: Path, acknowledged: list[list[int]], *, thorough: bool) -> None:
    """Everything acknowledged must be there, and the file must be whole."""
    database = Database(path, clock=SystemClock())
    await database.open()
    chats, tasks = Conversations(database, SystemClock()), TaskRows(database, SystemClock())
    await chats.recover()
    for kind, number, *facts in acknowledged:
        if kind == "task":
            task = await tasks.get(number)
            assert task is not None
            assert task.completed >= bool(facts[0])
            continue
        message = await chats.message(number)
        text = message.message.text
        assert zlib.crc32(text[: facts[0]].encode()) == facts[1], f"{kind} {number} lost"
        if kind == "message":
            assert (len(text), message.status) == (facts[0], Status.COMPLETE)
        else:
            assert message.status in {Status.COMPLETE, Status.INTERRUPTED}
    pragma = "integrity_check" if thorough else "quick_check"
    assert await database.read(lambda c: c.execute(f"PRAGMA {pragma}").fetchall()) == [("ok",)]
    if thorough:
        await database.write(check_indexes)
    orphans = (
        "SELECT count(*) FROM messages m WHERE NOT EXISTS"
        " (SELECT 1 FROM events e WHERE e.message_id = m.id AND e.kind = 'message_added')"
    )
    assert await database.read(lambda c: c.execute(orphans).fetchall()) == [(0,)]
    await database.close()


def kill_soon_after(child: Child, reports: int, dice: random.Random) -> None:
    """Kill at a random moment behind a report, however slow the machine is."""
    child.wait_for(reports)
    time.sleep(dice.uniform(0, 0.02))
    child.kill()


async def kill_loop(children: Children, folder: Path, kills: int) -> int:
    dice = random.Random(kills)
    total = 0
    for number in range(kills):
        path = folder / f"{number // 25}" / "portal.db"
        child = children.start("everything", path, number)
        kill_soon_after(child, dice.randint(0, 5), dice)
        acknowledged = child.reports()
        total += len(acknowledged)
        await check(path, acknowledged, thorough=number % 25 == 24)
    return total


@pytest.mark.spec("S-05")
@pytest.mark.timeout(120)
async def test_200_kills_lose_nothing_that_was_acknowledged(children: Children, tmp_path: Path) -> None:
    assert await kill_loop(children, tmp_path, 200) > 400


@pytest.mark.nightly
@pytest.mark.timeout(3600)
async def test_5000_kills_lose_nothing_that_was_acknowledged(children: Children, tmp_path: Path) -> None:
    assert await kill_loop(children, tmp_path, 5000) > 10_000


@pytest.mark.spec("S-05")
async def test_kill_at_each_statement_leaves_no_message_without_its_event_or_the_reverse(
    children: Children, path: Path
) -> None:
    database = Database(path, clock=SystemClock())
    await database.open()
    await Conversations(database, SystemClock()).create()
    await database.close()
    statement, seen = 0, set()
    while True:
        statement += 1
        reports = children.start("one_message", path, statement).wait()
        counts = _counts(path)
        assert counts["added"] == counts["messages"] == counts["counted"]
        assert counts["ended"] == counts["complete_answers"]
        assert counts["messages"] >= len(reports)
        seen.add((counts["messages"], counts["ended"]))
        if len(reports) == 2:
            break
    assert statement > 15
    assert len(seen) > 3


def _counts(path: Path) -> dict[str, int]:
    connection = apsw.Connection(str(path))
    queries = {
        "messages": "SELECT count(*) FROM messages",
        "counted": "SELECT message_count FROM conversations",
        "added": "SELECT count(*) FROM events e JOIN messages m ON m.id = e.message_id WHERE e.kind = 'message_added'",
        "ended": "SELECT count(*) FROM events WHERE kind = 'answer_finished'",
        "complete_answers": "SELECT count(*) FROM messages WHERE role = 'assistant' AND status = 'complete'",
    }
    found = {name: int(connection.execute(sql).fetchall()[0][0]) for name, sql in queries.items()}
    connection.close()
    return found


@pytest.mark.spec("T-05")
@pytest.mark.parametrize("statement", range(len(SECOND) + 1))
async def test_migration_killed_at_any_statement_leaves_the_old_file_usable(
    children: Children, path: Path, statement: int
) -> None:
    old = Database(path, clock=SystemClock())
    await old.open()
    await Conversations(old, SystemClock()).create(title="kept")
    await old.close()
    assert children.start("migrate", path, statement).wait() == []
    await old.open()
    assert [chat.title for chat in await Conversations(old, SystemClock()).list()] == ["kept"]
    version = await old.read(lambda c: c.execute("PRAGMA user_version").fetchall())
    assert version == [(len(MIGRATIONS),)]
    await old.close()
    assert children.start("migrate", path, -1).wait() == ["portal.db"]
    copies = await Backups(old, path.parent / "backups", SystemClock()).list()
    assert {copy.reason for copy in copies} == {Reason.MIGRATION}


async def test_recover_leaves_a_living_process_its_answer_and_takes_a_dead_ones(children: Children, path: Path) -> None:
    child = children.start("stream_and_wait", path)
    answer = child.wait_for(1)[0]
    database = Database(path, clock=SystemClock())
    await database.open()
    chats = Conversations(database, SystemClock())
    assert await chats.recover() == []
    assert (await chats.message(answer)).status is Status.STREAMING
    child.kill()
    assert await chats.recover() == [answer]
    found = await chats.message(answer)
    assert (found.status, found.message.text) == (Status.INTERRUPTED, "half")
    await database.close()


@pytest.mark.spec("X-21")
async def test_restore_killed_at_any_moment_leaves_one_of_the_two_states(children: Children, path: Path) -> None:
    database = Database(path, clock=SystemClock())
    await database.open()
    chats, backups = Conversations(database, SystemClock()), Backups(database, path.parent / "backups", SystemClock())
    for number in range(30):
        await chats.create(title=f"{number} " * 100)
        if number in {9, 29}:
            await backups.now()
    await database.close()
    backup_files = set((path.parent / "backups").iterdir())
    dice, states = random.Random(3), set()
    for number in range(25):
        child = children.start("restore_again_and_again", path, number % 2)
        kill_soon_after(child, dice.randint(0, 3), dice)
        await database.open()
        states.add(await chats.count())
        assert await database.read(lambda c: c.execute("PRAGMA integrity_check").fetchall()) == [("ok",)]
        await database.close()
        for extra in set((path.parent / "backups").iterdir()) - backup_files:
            extra.unlink()
    assert states == {10, 30}


async def test_programs_writing_at_once_meet_no_lock_and_lose_nothing(children: Children, path: Path) -> None:
    running = [children.start("write_many", path, name, 60) for name in ("window", "command line", "job")]
    assert [len(child.wait()) for child in running] == [60, 60, 60]
    database = Database(path, clock=SystemClock())
    await database.open()
    listed = await Conversations(database, SystemClock()).list()
    assert sorted(chat.title for chat in listed) == ["command line", "job", "window"]
    assert {chat.messages for chat in listed} == {60}
    await database.close()
