"""Growing answers: written through, recovered, ended; and the events beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal_desktop.errors import InvalidInput
from portal_desktop.messages import Message, Role, Status, Text, Thinking, ToolCall, ToolReturn, Usage, user
from portal_desktop.storage.conversations import Conversations
from portal_desktop.storage.database import Database
from portal_desktop.storage.events import EventKind, EventRows, record
from tests.support.clock import FakeClock


async def _answer(chats: Conversations) -> tuple[int, int]:
    chat = await chats.create()
    asked = await chats.add_message(chat.id, None, user("question"))
    answer = await chats.add_message(chat.id, asked.id, Message(Role.ASSISTANT, ()), status=Status.STREAMING)
    return chat.id, answer.id


async def test_answer_growing_is_readable_at_every_step_and_equal_at_the_end(
    database: Database, chats: Conversations
) -> None:
    chat, answer = await _answer(chats)
    steps = [
        (Thinking("H"),),
        (Thinking("Hm"),),
        (Thinking("Hm", 2.0), Text("A")),
        (Thinking("Hm", 2.0), Text("A b")),
        (Thinking("Hm", 2.0), Text("A b")),
        (Thinking("Hm", 2.0), Text("A b c"), ToolCall("1", "look", {})),
        (Thinking("Hm", 2.0), Text("A b c"), ToolCall("1", "look", {"a": 1}), ToolReturn("1", "look", "r")),
        (Thinking("Hm", 2.0), Text("other")),
        (),
        (Text("end"),),
    ]
    for parts in steps:
        await chats.update_answer(answer, parts)
        assert (await chats.path(chat))[-1].parts == parts
        assert (await chats.message(answer)).status is Status.STREAMING
    await chats.update_answer(
        answer,
        (Text("end."),),
        status=Status.COMPLETE,
        usage=Usage(3, 4),
        model="m",
        first_token_seconds=0.5,
        seconds=2,
    )
    found = await chats.message(answer)
    assert (found.parts, found.status, found.usage, found.model) == ((Text("end."),), Status.COMPLETE, Usage(3, 4), "m")
    assert (found.first_token_seconds, found.seconds) == (0.5, 2)
    assert await database.read(
        lambda connection: connection.execute("SELECT count(*) FROM answer_deltas").fetchall()
    ) == [(0,)]


async def test_answer_growing_writes_only_what_is_new(database: Database, chats: Conversations) -> None:
    _, answer = await _answer(chats)
    text = "x" * 100_000
    await chats.update_answer(answer, (Text(text),))
    for number in range(5):
        text += f"{number}" * 50
        await chats.update_answer(answer, (Text(text),))
    rows = await database.read(
        lambda connection: connection.execute(
            "SELECT kept, appended, parts FROM answer_deltas ORDER BY number"
        ).fetchall()
    )
    assert rows[1:] == [(1, f"{number}" * 50, "[]") for number in range(5)]


async def test_answer_continued_after_an_end_streams_again(chats: Conversations) -> None:
    chat, answer = await _answer(chats)
    await chats.update_answer(answer, (Text("half"),), status=Status.INTERRUPTED)
    await chats.update_answer(answer, (Text("half"),), status=Status.STREAMING)
    await chats.update_answer(answer, (Text("half and more"),))
    found = await chats.message(answer)
    assert (found.status, found.parts) == (Status.STREAMING, (Text("half and more"),))
    await chats.update_answer(answer, (Text("whole"),), status=Status.COMPLETE)
    assert (await chats.path(chat))[-1].parts == (Text("whole"),)


async def test_answer_ended_is_unread_until_marked_and_shows_in_the_list(
    chats: Conversations, clock: FakeClock
) -> None:
    chat, answer = await _answer(chats)
    clock.jump(5)
    await chats.update_answer(answer, (Text("a  long\nanswer " * 30),), status=Status.COMPLETE)
    found = await chats.get(chat)
    assert (found.unread, found.updated, found.messages) == (True, clock.now(), 2)
    assert found.snippet.startswith("a long answer a long")
    assert len(found.snippet) <= 120
    await chats.mark_read(chat)
    assert not (await chats.get(chat)).unread


async def test_recover_of_a_running_process_leaves_its_answer_alone(
    chats: Conversations, path: Path, clock: FakeClock
) -> None:
    _, answer = await _answer(chats)
    second = Database(path, clock=clock)
    await second.open()
    assert await Conversations(second, clock).recover() == []
    await second.close()
    assert await chats.recover() == []
    assert (await chats.message(answer)).status is Status.STREAMING


async def test_recover_after_a_close_interrupts_the_answer_and_keeps_its_text(path: Path, clock: FakeClock) -> None:
    database = Database(path, clock=clock)
    await database.open()
    _, answer = await _answer(Conversations(database, clock))
    await Conversations(database, clock).update_answer(answer, (Text("half a zebra"),))
    await database.close()
    await database.open()
    chats = Conversations(database, clock)
    assert await chats.recover() == [answer]
    assert await chats.recover() == []
    found = await chats.message(answer)
    assert (found.status, found.parts) == (Status.INTERRUPTED, (Text("half a zebra"),))
    assert [hit.message_id for hit in await chats.search("zebra")] == [answer]
    await database.close()


async def test_recover_leaves_what_it_cannot_read_untouched(path: Path, clock: FakeClock) -> None:
    database = Database(path, clock=clock)
    await database.open()
    _, answer = await _answer(Conversations(database, clock))
    await Conversations(database, clock).update_answer(answer, (Text("kept"),))
    await database.write(lambda connection: connection.execute("UPDATE answer_deltas SET parts = '[oh'"))
    await database.close()
    await database.open()
    assert await Conversations(database, clock).recover() == [answer]
    rows = await database.read(lambda connection: connection.execute("SELECT parts FROM answer_deltas").fetchall())
    assert rows == [("[oh",)]
    await database.close()


@pytest.mark.parametrize(
    "parts",
    [
        (Text(5),),
        ("text",),
        (ToolCall("1", "x", {"a": float("nan")}),),
        (ToolCall("1", "x", {"a": object()}),),
        ({"kind": "odd"},),
    ],
    ids=["number", "no part", "nan", "object", "unknown kind"],
)
@pytest.mark.spec("S-05")
async def test_message_with_a_payload_that_is_none_is_refused_with_its_event(
    chats: Conversations, database: Database, parts: tuple[object, ...]
) -> None:
    chat = await chats.create()
    with pytest.raises(InvalidInput) as caught:
        await chats.add_message(chat.id, None, Message(Role.USER, parts))
    assert caught.value.name == "invalid_field"
    assert await chats.tree(chat.id) == []
    assert [event.kind for event in await EventRows(database).of(chat.id)] == [EventKind.CONVERSATION_CREATED]


@pytest.mark.spec("S-05")
@pytest.mark.parametrize(
    "payload",
    [{}, {"status": "complete"}, {"status": "odd", "model": ""}, {"status": Status.COMPLETE, "model": "", "more": 1}],
)
async def test_event_with_an_invalid_payload_is_refused(
    database: Database, chats: Conversations, payload: dict[str, object]
) -> None:
    chat = await chats.create()
    with pytest.raises(InvalidInput):
        await database.write(
            lambda connection: record(
                connection,
                EventKind.ANSWER_FINISHED,
                owner_id="local",
                at="now",
                conversation_id=chat.id,
                payload=payload,
            )
        )
    assert len(await EventRows(database).of(chat.id)) == 1


@pytest.mark.spec("S-05")
async def test_events_tell_what_happened_in_order(database: Database, chats: Conversations) -> None:
    chat, answer = await _answer(chats)
    await chats.update_answer(answer, (Text("x"),))
    await chats.update_answer(answer, (Text("xy"),), status=Status.COMPLETE, model="m")
    await chats.choose(answer)
    await chats.delete(chat)
    await chats.restore(chat)
    events = await EventRows(database).of(chat)
    assert [event.kind.value for event in events] == [
        "conversation_created",
        "message_added",
        "message_added",
        "answer_finished",
        "branch_chosen",
        "conversation_deleted",
        "conversation_restored",
    ]
    assert events[3].payload == {"status": "complete", "model": "m", "recovered": False}
    assert events[2].message_id == events[3].message_id == answer
    assert await EventRows(database).of(chat, after=events[5].id) == events[6:]
