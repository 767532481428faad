"""A kept value is had before the database is open: at once, without a trace, in every state of the file."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from portal_desktop.clock import SystemClock
from portal_desktop.storage.database import Database
from portal_desktop.storage.glance import glance
from portal_desktop.storage.settings import SettingRows

KEPT = {"main/rect": [1, 2, 300, 400], "appearance/theme": "dark"}


async def kept(path: Path, readers: int = 2) -> Database:
    database = Database(path, clock=SystemClock(), readers=readers)
    await database.open()
    await SettingRows(database, SystemClock()).save("window.places", KEPT)
    return database


async def test_glance_at_a_closed_file_finds_the_value_and_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "portal.db"
    await (await kept(path)).close()
    before = {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    assert glance(path, "window.places") == KEPT
    assert glance(path, "appearance.theme") is None
    assert {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == before


async def test_glance_at_what_a_killed_process_left_finds_the_newest_value(tmp_path: Path) -> None:
    database = await kept(tmp_path / "portal.db")
    left = tmp_path / "left"
    left.mkdir()
    for name in ("portal.db", "portal.db-wal"):
        shutil.copy(tmp_path / name, left / name)
    assert (left / "portal.db-wal").stat().st_size
    assert glance(left / "portal.db", "window.places") == KEPT
    assert glance(tmp_path / "portal.db", "window.places") == KEPT
    await database.close()
    again = Database(left / "portal.db", clock=SystemClock())
    await again.open()
    assert await SettingRows(again, SystemClock()).load() == {"window.places": KEPT}
    await again.close()


@pytest.mark.parametrize("content", [None, b"", b"no database at all", b"SQLite format 3\0" + bytes(5000)])
def test_glance_at_nothing_or_damage_is_none_and_changes_nothing(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "portal.db"
    if content is not None:
        path.write_bytes(content)
    assert glance(path, "window.places") is None
    assert (path.read_bytes() if path.exists() else None) == content
    assert {file.name for file in tmp_path.iterdir()} <= {"portal.db"}


async def test_glance_at_a_locked_file_does_not_wait(tmp_path: Path) -> None:
    path = tmp_path / "portal.db"
    database = await kept(path, readers=0)
    await database.maintain(lambda connection: connection.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall())
    await SettingRows(database, SystemClock()).save("x", 1)
    start = time.monotonic()
    assert glance(path, "window.places") is None
    assert time.monotonic() - start < 1
    await database.close()
