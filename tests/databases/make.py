"""Make the fixture of the present version: `python -m tests.databases.make`, once before a release, never again."""

from __future__ import annotations

import asyncio
from datetime import date, time
from pathlib import Path

from portal_desktop.messages import Message, Role, Source, Status, Text, user
from portal_desktop.storage.audit import AuditRows
from portal_desktop.storage.conversations import Conversations
from portal_desktop.storage.database import Database
from portal_desktop.storage.migrations import MIGRATIONS
from portal_desktop.storage.results import ResultRows
from portal_desktop.storage.settings import SettingRows
from portal_desktop.storage.tasks import Due, NewTask, Priority, TaskRows
from portal_desktop.storage.turns import TurnRows
from tests.support.clock import FakeClock


async def make(path: Path) -> None:
    """Fill a new file with one row of everything."""
    clock = FakeClock()
    database = Database(path, clock=clock)
    await database.open()
    chats = Conversations(database, clock)
    chat = await chats.create(title="Fixture chat", model="ollama/tiny")
    asked = await chats.add_message(chat.id, None, user("What is a zebra?"), source=Source.WINDOW)
    answer = await chats.add_message(chat.id, asked.id, Message(Role.ASSISTANT, ()), status=Status.STREAMING)
    await chats.update_answer(answer.id, (Text("A striped horse."),), status=Status.COMPLETE)
    task = NewTask("Feed the zebra", priority=Priority.HIGH, due=Due(date(2026, 12, 1), time(9)), tags=("zoo",))
    await TaskRows(database, clock).insert(task, batch="fixture", actor="user")
    await SettingRows(database, clock).save("appearance.theme", "dark")
    await AuditRows(database, clock).append("settings", "user", {"changed": "appearance.theme"})
    await ResultRows(database, clock).keep("a long result", conversation_id=chat.id)
    turn = await TurnRows(database, clock).begin(
        conversation_id=chat.id, answer_id=answer.id, source=Source.WINDOW, model="ollama/tiny"
    )
    await TurnRows(database, clock).finish(turn, status=Status.COMPLETE, seconds=1.5)
    await database.close()


if __name__ == "__main__":
    asyncio.run(make(Path(__file__).parent / f"v{len(MIGRATIONS)}.db"))
