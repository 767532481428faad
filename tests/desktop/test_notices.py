"""What the core puts up with is told above the page, in the catalogue's words, for as long as it is so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from portal_desktop.credentials import Credentials
from portal_desktop.errors import SettingsError
from portal_desktop.messages import Status
from portal_desktop.providers.scripted import End, Hold, Say
from portal_desktop.ui.look import Look
from portal_desktop.ui.theme import load_theme
from tests.support.desk import ScriptedCore, Windows, running_core, until

pytestmark = [pytest.mark.gui, pytest.mark.qt_log_ignore("This plugin does not support")]


@pytest.fixture
async def windows(tmp_path: Path) -> AsyncIterator[Windows]:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    look = Look(load_theme(), app)
    look.apply()
    async with running_core(tmp_path) as core:
        windows = Windows(core, look)
        await windows.open()
        yield windows
        await windows.close()
    look.deleteLater()


SETTINGS_ERROR = SettingsError("bad_settings_file", file="portal.toml", problem="line 3 is no TOML")


def told(windows: Windows) -> dict[str, str]:
    return {key: notice.text for key, notice in windows.window.notices.items() if notice.isVisible()}


async def full(core: ScriptedCore, *, is_full: bool) -> None:
    """Let the file grow no further, or again; what SQLite says is what a full disk makes it say."""

    def limit(connection: Any) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages if is_full else 2**31}").fetchall()

    await core.database.write(limit)


@pytest.mark.spec("X-22")
async def test_disk_full_while_streaming_is_told_until_the_text_is_saved(windows: Windows) -> None:
    gates = [asyncio.Event(), asyncio.Event()]
    text = ("word " * 99 + "word\n\n") * 60 + "end"
    windows.core.play([Say("Begin. "), Hold(gates[0]), Say(text, size=500), Hold(gates[1]), End()])
    windows.panel.focus_input()
    windows.type("write")
    windows.press("Return")
    await until(lambda: "Begin. " in windows.texts())
    await full(windows.core, is_full=True)
    gates[0].set()
    await until(lambda: "storage" in told(windows))
    assert told(windows)["storage"] == (
        "The disk is full. Free some space; the text on screen is kept and saved when there is room."
    )
    await until(lambda: "".join(windows.texts()) == f"writeBegin. {text}")
    windows.panel.copy_last()
    assert QApplication.clipboard().text() == f"Begin. {text}"
    await full(windows.core, is_full=False)
    await until(lambda: told(windows) == {})
    gates[1].set()
    chat = windows.panel.model.conversation_id
    assert chat is not None
    await until(lambda: windows.panel.model.messages()[-1].status is Status.COMPLETE)
    await until(lambda: not windows.panel.model.running)
    assert (await windows.core.history.path(chat))[-1].message.text == f"Begin. {text}"


@pytest.mark.expects_log("backup failed")
async def test_backup_that_failed_is_told_and_made_again_by_its_button(windows: Windows) -> None:
    folder = windows.core.paths.backups
    folder.rename(folder.with_name("away")) if folder.exists() else None
    folder.write_text("in the way")
    await windows.core.back_up()
    await until(lambda: "backup" in told(windows))
    notice = windows.window.notices["backup"]
    assert notice.button.text() == "Back up now"
    folder.unlink()
    QTest.mouseClick(notice.button, Qt.MouseButton.LeftButton)
    await until(lambda: told(windows) == {})
    assert (await windows.core.backups.state()).last is not None


@pytest.mark.expects_log("settings file refused")
async def test_settings_file_refused_is_told_and_can_be_sent_away(windows: Windows) -> None:
    windows.core._refused(SETTINGS_ERROR)
    await until(lambda: "settings" in told(windows))
    assert told(windows)["settings"] == f"{SETTINGS_ERROR.title}. {SETTINGS_ERROR.advice}"
    QTest.mouseClick(windows.window.notices["settings"].cross, Qt.MouseButton.LeftButton)
    assert told(windows) == {}


async def test_keyring_that_cannot_be_used_is_told_until_it_can(windows: Windows, tmp_path: Path) -> None:
    ready = False

    def find() -> None:
        if not ready:
            raise RuntimeError("locked")

    windows.core.credentials = Credentials(tmp_path / "keys.bin", windows.core.setting_rows, find)
    await windows.core._credential("box")
    await until(lambda: "keyring" in told(windows))
    ready = True
    QTest.mouseClick(windows.window.notices["keyring"].button, Qt.MouseButton.LeftButton)
    await until(lambda: told(windows) == {})
