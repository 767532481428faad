"""Commits and lists, against the same work done bare in the same run."""

from __future__ import annotations

import gc
import tempfile
import time
from pathlib import Path

import apsw

from portal_desktop.clock import SystemClock
from portal_desktop.messages import Role, assistant, user
from portal_desktop.storage.conversations import Conversations
from portal_desktop.storage.database import Database

COMMITS = 200
CHATS = 10_000


async def durable_commit() -> float:
    """Seconds of a stored message (message, event, search index, snippet) against a bare durable insert of its text."""
    text = "word " * 160
    with tempfile.TemporaryDirectory() as folder:
        bare = apsw.Connection(str(Path(folder) / "bare.db"))
        bare.execute(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE m (id INTEGER PRIMARY KEY, t TEXT)"
        ).fetchall()
        start = time.perf_counter()
        for _ in range(COMMITS):
            bare.execute("BEGIN IMMEDIATE; INSERT INTO m (t) VALUES (?); COMMIT", (text,)).fetchall()
        alone = time.perf_counter() - start
        bare.close()
        database = Database(Path(folder) / "portal.db", clock=SystemClock())
        await database.open()
        chats = Conversations(database, SystemClock())
        chat = await chats.create()
        parent = None
        start = time.perf_counter()
        for _ in range(COMMITS):
            parent = (await chats.add_message(chat.id, parent, user(text))).id
        ours = time.perf_counter() - start
        await database.close()
    return ours / alone


async def list_chats() -> float:
    """Seconds to list 10,000 chats with titles, snippets and counts, against a query per chat (N + 1)."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "portal.db", clock=SystemClock())
        await database.open()
        chats = Conversations(database, SystemClock())
        seed = await chats.create(title="seed")
        await chats.add_message(seed.id, None, user("hello"))
        await chats.add_message(seed.id, None, assistant("hello to you"))
        await database.write(_multiply)
        await chats.list()
        gc.collect()
        gc.freeze()
        start = time.perf_counter()
        page = await chats.list(limit=CHATS)
        ours = time.perf_counter() - start
        start = time.perf_counter()
        await database.read(_one_by_one)
        peer = time.perf_counter() - start
        await database.close()
        assert len(page) == CHATS
    return ours / peer


def _multiply(connection: apsw.Connection) -> None:
    """Copy the first chat and its messages until there are 10,000."""
    chat = "owner_id, title, snippet, message_count, created_at, updated_at"
    message = "owner_id, sequence, role, parts, checksum, body, status, created_at"
    for copy in range(2, CHATS + 1):
        connection.execute(
            f"INSERT INTO conversations (id, {chat}) SELECT ?, {chat} FROM conversations WHERE id = 1", (copy,)
        )
        connection.execute(
            f"INSERT INTO messages (conversation_id, {message}) SELECT ?, {message} FROM messages WHERE conversation_id = 1",
            (copy,),
        )


def _one_by_one(connection: apsw.Connection) -> None:
    for (chat,) in connection.execute("SELECT id FROM conversations ORDER BY updated_at DESC").fetchall():
        connection.execute(
            "SELECT id, body FROM messages WHERE conversation_id = ? AND role = ? ORDER BY sequence DESC LIMIT 1",
            (chat, str(Role.ASSISTANT)),
        ).fetchall()
        connection.execute("SELECT count(*) FROM messages WHERE conversation_id = ?", (chat,)).fetchall()
