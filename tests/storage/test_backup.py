"""Backups: exact rotation, honest verdicts, a restore that is one state or the other."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from portal_desktop.errors import StorageError
from portal_desktop.messages import user
from portal_desktop.storage.backup import Backups, Keep
from portal_desktop.storage.conversations import Conversations
from portal_desktop.storage.copies import Reason, Verdict
from portal_desktop.storage.database import Database
from tests.support.clock import FakeClock


@pytest.fixture
def folder(path: Path) -> Path:
    return path.parent / "backups"


@pytest.fixture
def backups(database: Database, folder: Path, clock: FakeClock) -> Backups:
    return Backups(database, folder, clock)


async def fill(chats: Conversations, count: int = 6) -> dict[int, str]:
    texts = {}
    for number in range(count):
        chat = await chats.create(title=f"chat {number}")
        text = f"text \N{GRINNING FACE} {number} " * 50
        await chats.add_message(chat.id, None, user(text))
        texts[chat.id] = text
    return texts


async def texts_of(chats: Conversations) -> dict[int, str]:
    return {chat.id: (await chats.path(chat.id))[0].message.text for chat in await chats.list(limit=1000)}


@pytest.mark.spec("X-20")
async def test_now_makes_a_copy_that_is_verified_and_told_of(
    backups: Backups, chats: Conversations, clock: FakeClock
) -> None:
    await fill(chats, 41)
    made = await backups.now()
    assert (made.chats, made.verdict, made.reason) == (41, Verdict.VERIFIED, Reason.MANUAL)
    assert made.counts["messages"] == 41
    assert await backups.list() == [made]
    clock.jump(3 * 3600)
    state = await backups.state()
    assert (state.last, state.due, state.late) == (made, False, False)
    with apsw.Connection(str(made.path), flags=apsw.SQLITE_OPEN_READONLY) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    copy.close()
    assert sorted(file.suffix for file in made.path.parent.iterdir()) == [".db", ".json"]


@pytest.mark.spec("X-20")
async def test_rotation_over_ten_days_leaves_exactly_what_is_to_be_kept(
    backups: Backups, chats: Conversations, clock: FakeClock
) -> None:
    await fill(chats, 1)
    start = clock.now()
    for _ in range(10):
        await backups.now(Reason.DAILY)
        await backups.now(Reason.MIGRATION)
        clock.jump(3600)
        await backups.now(Reason.MANUAL)
        clock.jump(23 * 3600)
    kept = await backups.list()
    days = {
        reason: [(backup.created - start).days for backup in kept if backup.reason is reason]
        for reason in (Reason.DAILY, Reason.MANUAL)
    }
    assert days == {Reason.DAILY: [9, 8, 7, 6, 5, 4, 3], Reason.MANUAL: [9, 8, 7, 6, 5, 4, 3, 1]}
    assert (start + timedelta(days=1)).isocalendar().week < (start + timedelta(days=2)).isocalendar().week
    safety = [backup.created for backup in kept if backup.reason is Reason.MIGRATION]
    assert safety == [start + timedelta(days=day) for day in (9, 8, 7)]
    assert len(kept) == 18
    assert len(list(kept[0].path.parent.glob("*.json"))) == 18


@pytest.mark.spec("X-20")
async def test_rotation_keeps_as_many_as_the_user_set(
    database: Database, chats: Conversations, folder: Path, clock: FakeClock
) -> None:
    backups = Backups(database, folder, clock, keep=lambda: Keep(daily=2, weekly=1, safety=1))
    for _ in range(20):
        await backups.now(Reason.DAILY)
        await backups.now(Reason.UPDATE)
        clock.jump(24 * 3600)
    assert [backup.reason for backup in await backups.list()].count(Reason.DAILY) == 2
    assert len(await backups.list()) == 3


@pytest.mark.spec("X-20")
async def test_state_48_hours_without_a_copy_is_late(backups: Backups, chats: Conversations, clock: FakeClock) -> None:
    fresh = await backups.state()
    assert (fresh.last, fresh.due, fresh.late) == (None, True, False)
    await fill(chats, 1)
    clock.jump(49 * 3600)
    assert (await backups.state()).late
    await backups.now()
    assert not (await backups.state()).late
    clock.jump(24 * 3600)
    assert ((await backups.state()).due, (await backups.state()).late) == (True, False)
    clock.jump(24 * 3600)
    assert not (await backups.state()).late
    clock.jump(1)
    assert (await backups.state()).late


@pytest.mark.spec("X-20")
@pytest.mark.parametrize("place", [0, 100, 20_000, -100])
async def test_copy_damaged_later_is_reported_as_failed_and_not_restored(
    backups: Backups, chats: Conversations, place: int
) -> None:
    await fill(chats)
    made = await backups.now()
    raw = bytearray(made.path.read_bytes())
    raw[place] ^= 0xFF
    made.path.write_bytes(raw)
    assert (await backups.verify(made)).verdict is Verdict.FAILED
    with pytest.raises(StorageError) as caught:
        await backups.restore(made)
    assert caught.value.name == "backup_failed"
    assert len(await texts_of(chats)) == 6


@pytest.mark.spec("X-20")
async def test_copy_cut_short_is_failed_in_the_list_and_stands_for_no_day(
    backups: Backups, chats: Conversations, clock: FakeClock
) -> None:
    await fill(chats)
    good = await backups.now()
    clock.jump(24 * 3600)
    short = await backups.now()
    short.path.write_bytes(short.path.read_bytes()[:-4096])
    assert [backup.verdict for backup in await backups.list()] == [Verdict.FAILED, Verdict.VERIFIED]
    assert (await backups.state()).last == good
    next_one = await backups.now()
    assert [backup.path for backup in await backups.list() if backup.verdict is Verdict.VERIFIED] == [
        next_one.path,
        good.path,
    ]


@pytest.mark.spec("X-20")
async def test_backup_of_a_damaged_file_is_not_kept_as_good(path: Path, folder: Path, clock: FakeClock) -> None:
    database = Database(path, clock=clock)
    await database.open()
    await fill(Conversations(database, clock), 40)
    await database.close()
    raw = bytearray(path.read_bytes())
    for page in range(2, len(raw) // 4096, 3):
        raw[page * 4096 : page * 4096 + 200] = bytes(200)
    path.write_bytes(raw)
    backups = Backups(database, folder, clock)
    with pytest.raises(StorageError) as caught:
        await backups.now()
    assert caught.value.name in {"backup_failed", "database_damaged"}
    assert not list(folder.glob("*")) if folder.exists() else True
    assert path.read_bytes() == bytes(raw)


@pytest.mark.spec("X-20", "X-22")
async def test_too_little_room_stops_before_anything_is_written(
    database: Database, chats: Conversations, folder: Path, clock: FakeClock
) -> None:
    await fill(chats)
    size = sum(file.stat().st_size for file in database.path.parent.glob("portal.db*") if "shm" not in file.name)
    with pytest.raises(StorageError) as caught:
        await Backups(database, folder, clock, free=lambda _: 2 * size - 1).now()
    assert caught.value.name == "disk_full"
    assert str(2 * size) in caught.value.technical
    assert not list(folder.iterdir())
    assert await Backups(database, folder, clock, free=lambda _: 2 * size).now()


async def test_now_while_writing_goes_on_is_one_moment(backups: Backups, chats: Conversations) -> None:
    chat = await chats.create()
    stop = False

    async def write() -> None:
        parent = None
        while not stop:
            parent = (await chats.add_message(chat.id, parent, user("x" * 500))).id

    writing = asyncio.create_task(write())
    made = [await backups.now() for _ in range(5)]
    stop = True
    await writing
    assert [backup.counts["messages"] for backup in made] == sorted(backup.counts["messages"] for backup in made)
    for backup in made:
        assert backup.counts["messages"] == backup.counts["events"] - 1


@pytest.mark.spec("X-21")
async def test_restore_after_five_chats_were_deleted_brings_back_every_byte(
    backups: Backups, database: Database, chats: Conversations
) -> None:
    before = await fill(chats, 6)
    made = await backups.now()
    await database.write(lambda connection: connection.execute("DELETE FROM conversations WHERE id > 1"))
    await chats.create(title="newer")
    difference = await backups.difference(made)
    assert difference.now is not None
    assert (difference.now["conversations"], difference.then["conversations"]) == (2, 6)
    assert await backups.restore(made) is None
    assert await texts_of(chats) == before
    await database.close()
    await database.open()
    assert await texts_of(chats) == before
    kept = [backup for backup in await backups.list() if backup.reason is Reason.RESTORE]
    assert [backup.chats for backup in kept] == [2]
    await backups.restore(kept[0])
    assert [chat.title for chat in await chats.list()] == ["newer", "chat 0"]


@pytest.mark.spec("X-21")
@pytest.mark.parametrize("damage", ["zero", "text", "truncated", "missing"])
async def test_restore_over_a_file_that_cannot_be_opened_puts_it_aside(
    path: Path, folder: Path, clock: FakeClock, damage: str
) -> None:
    database = Database(path, clock=clock)
    await database.open()
    chats, backups = Conversations(database, clock), Backups(database, folder, clock)
    before = await fill(chats)
    made = await backups.now()
    await database.close()
    raw = {"zero": b"", "text": b"hello " * 5000, "truncated": path.read_bytes()[:10_000], "missing": b""}[damage]
    path.write_bytes(raw)
    if damage == "missing":
        path.unlink()
    aside = await backups.restore(made)
    if damage == "missing":
        assert aside is None
    else:
        assert aside is not None
        assert aside.read_bytes() == raw
    await database.open()
    assert await texts_of(chats) == before
    await database.close()
    assert not list(path.parent.glob("*.unfinished*"))


@pytest.mark.spec("X-21")
async def test_restore_interrupted_at_any_step_leaves_one_of_the_two_states(
    path: Path, folder: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(path, clock=clock)
    await database.open()
    chats, backups = Conversations(database, clock), Backups(database, folder, clock)
    before = await fill(chats)
    made = await backups.now()
    await database.close()
    junk = b"no database at all"
    original_rename, original_replace = Path.rename, Path.replace
    for step in range(1, 6):
        path.write_bytes(junk)
        path.with_name("portal.db-wal").write_bytes(b"stale log")
        calls = 0

        def count_and(move: object, wanted: int = step) -> object:
            def moved(self: Path, target: Path) -> Path:
                nonlocal calls
                calls += 1
                if calls == wanted:
                    raise KeyboardInterrupt
                return move(self, target)

            return moved

        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", count_and(original_rename))
            patch.setattr(Path, "replace", count_and(original_replace))
            try:
                await backups.restore(made)
            except (KeyboardInterrupt, asyncio.CancelledError):
                assert path.read_bytes() == junk
                continue
        break
    else:
        pytest.fail("a restore has no end")
    assert step >= 3
    await database.open()
    assert await texts_of(chats) == before
    await database.close()


async def test_size_by_kind_and_compact_give_room_back(database: Database, chats: Conversations) -> None:
    await fill(chats, 200)
    sizes = await database.size_by_kind()
    assert sizes["chats"] > sizes["tasks"] > 0
    assert sizes["search"] > 0
    await database.write(lambda connection: connection.execute("DELETE FROM conversations"))
    assert (await database.size_by_kind())["free"] > 100_000
    before = database.path.stat().st_size
    await database.compact()
    assert (await database.size_by_kind())["free"] == 0
    assert database.path.stat().st_size < before / 2
