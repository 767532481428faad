"""Settings, audit, turns and kept results."""

from __future__ import annotations

import apsw
import pytest

from portal_desktop.errors import InvalidInput, SettingsError, StorageError
from portal_desktop.messages import Message, Role, Source, Status, Usage
from portal_desktop.storage.audit import AuditRows
from portal_desktop.storage.conversations import Conversations
from portal_desktop.storage.database import Database
from portal_desktop.storage.process import is_alive, process_token
from portal_desktop.storage.results import ResultRows
from portal_desktop.storage.settings import SettingRows
from portal_desktop.storage.turns import TurnRows
from tests.support.clock import FakeClock


async def test_settings_saved_come_back_and_none_removes(database: Database, clock: FakeClock) -> None:
    rows = SettingRows(database, clock)
    values: dict[str, object] = {"a": 1, "b": "x", "c": [1, {"d": None}], "e": False, "f": 0.5}
    for name, value in values.items():
        await rows.save(name, value)
    assert await rows.load() == values
    await rows.save("a", None)
    await rows.save("b", "y")
    assert await rows.load() == {"b": "y", "c": [1, {"d": None}], "e": False, "f": 0.5}
    assert await SettingRows(database, clock, "other").load() == {}


async def test_settings_value_damaged_is_named_and_can_be_reset(database: Database, clock: FakeClock) -> None:
    rows = SettingRows(database, clock)
    await rows.save("chat.model", "x")
    await database.write(lambda connection: connection.execute("UPDATE settings SET value = '{'"))
    with pytest.raises(SettingsError, match=r"chat\.model"):
        await rows.load()
    await rows.save("chat.model", None)
    assert await rows.load() == {}
    with pytest.raises(InvalidInput):
        await rows.save("x", object())


async def test_audit_is_append_only_and_notices_any_change(database: Database, clock: FakeClock) -> None:
    rows = AuditRows(database, clock)
    numbers = [await rows.append("tool", "model", {"call": n}) for n in range(5)]
    assert await rows.first_broken() is None
    assert [entry.details["call"] for entry in await rows.newest(2)] == [4, 3]
    for sql in ("DELETE FROM audit_log", "UPDATE audit_log SET actor = 'nobody'"):
        with pytest.raises(StorageError, match="append-only"):
            await database.write(lambda connection, sql=sql: connection.execute(sql))

    def forge(connection: apsw.Connection) -> None:
        connection.execute("DROP TRIGGER audit_log_keeps")
        connection.execute("UPDATE audit_log SET details = '{}' WHERE id = ?", (numbers[2],))

    await database.write(forge)
    assert await rows.first_broken() == numbers[2]


async def test_turns_begin_and_finish(database: Database, chats: Conversations, clock: FakeClock) -> None:
    rows = TurnRows(database, clock)
    chat = await chats.create()
    answer = await chats.add_message(chat.id, None, Message(Role.ASSISTANT, ()), status=Status.STREAMING)
    turn = await rows.begin(conversation_id=chat.id, answer_id=answer.id, source=Source.CLI, model="m")
    assert (await rows.newest())[0].status is Status.STREAMING
    await rows.finish(turn, status=Status.COMPLETE, seconds=2.5, steps=[{"tool": "x", "ok": True}], usage=Usage(1, 2))
    found = (await rows.newest(conversation_id=chat.id))[0]
    assert (found.id, found.source, found.seconds, found.usage) == (turn, Source.CLI, 2.5, Usage(1, 2))
    assert found.steps == ({"tool": "x", "ok": True},)
    assert await rows.newest(conversation_id=chat.id + 1) == []
    with pytest.raises(InvalidInput):
        await rows.finish("missing", status=Status.COMPLETE, seconds=1)


async def test_results_kept_are_read_in_pieces(database: Database, chats: Conversations, clock: FakeClock) -> None:
    rows = ResultRows(database, clock)
    chat = await chats.create()
    text = "".join(f"{n} \N{GRINNING FACE}\n" for n in range(20_000))
    name = await rows.keep(text, conversation_id=chat.id)
    assert await rows.size(name) == len(text)
    pieces = [await rows.read(name, offset, 50_000) for offset in range(0, len(text) + 50_000, 50_000)]
    assert "".join(pieces) == text
    assert pieces[-1] == ""
    await database.write(lambda connection: connection.execute("DELETE FROM conversations"))
    with pytest.raises(InvalidInput):
        await rows.read(name)


def test_process_token_of_another_start_is_not_alive() -> None:
    token = process_token()
    assert is_alive(token)
    assert not is_alive(token + "1")
    assert not is_alive("")
    assert not is_alive("no number:x")
    assert process_token(2**22 + 12345) == ""
