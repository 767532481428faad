"""Conversations as a tree: pages, branches, growing answers, and what happens to those nobody writes any more."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from portal_desktop.errors import InvalidInput, StorageError
from portal_desktop.messages import (
    Attachment,
    Failure,
    Message,
    Mode,
    Note,
    Role,
    Source,
    Status,
    Text,
    Thinking,
    ToolCall,
    ToolReturn,
    assistant,
    user,
)
from portal_desktop.storage import branches, conversations
from portal_desktop.storage.conversations import Conversations
from portal_desktop.storage.database import Database
from tests.support.clock import FakeClock
from tests.support.pace import allowed

EVERYTHING = (
    Thinking("Let me see", 1.5),
    Text("Here: \N{GRINNING FACE} é"),
    ToolCall("a", "add_task", {"title": "x", "deep": {"list": [1, 2.5, None, True]}}),
    ToolReturn("a", "add_task", "done", True, 0.25, "whole"),
    Attachment("f", "notes.txt", "text/plain", 12),
    Failure(3004, "network", "It stopped", "Try again", "details"),
    Note("Stopped after 8 rounds"),
)


async def plan(database: Database, sql: str, values: tuple[object, ...]) -> str:
    rows = await database.read(lambda connection: connection.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall())
    return "; ".join(str(row[3]) for row in rows)


@pytest.mark.spec("T-02", "T-24")
async def test_conversation_made_comes_back_with_every_field(chats: Conversations, clock: FakeClock) -> None:
    made = await chats.create(title="First", model="ollama/tiny", mode=Mode.ACT)
    found = await chats.get(made.id)
    assert found == made
    assert (found.owner_id, found.title, found.model, found.mode) == ("local", "First", "ollama/tiny", Mode.ACT)
    assert (found.pinned, found.folder, found.persona, found.summary, found.deleted) == (False, "", "", "", None)
    assert found.created == found.updated == clock.now()
    assert found.created.utcoffset() is not None


@pytest.mark.spec("T-02")
async def test_list_query_uses_its_index_without_a_sort(database: Database) -> None:
    listed = await plan(database, conversations.LISTED, ("local", "z", 1, 50))
    assert "USING INDEX conversations_listed (owner_id=? AND deleted_at=?" in listed
    assert "TEMP B-TREE" not in listed
    trash = await plan(database, conversations.LISTED_DELETED, ("local", "z", "z", 1, 50))
    assert "USING INDEX conversations_listed" in trash
    assert "TEMP B-TREE" not in trash


@pytest.mark.spec("X-19")
async def test_lists_over_large_tables_use_an_index_that_answers_them(database: Database) -> None:
    counted = await plan(
        database, "SELECT count(*) FROM conversations WHERE owner_id = ? AND deleted_at IS NULL", ("local",)
    )
    assert "USING COVERING INDEX conversations_listed" in counted
    siblings = await plan(database, branches.IN_TIME, (1,))
    assert "SEARCH s USING COVERING INDEX messages_of_parent" in siblings
    tasks = await plan(
        database,
        "SELECT * FROM tasks WHERE owner_id = ? AND deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT 50",
        ("local",),
    )
    assert "USING INDEX tasks_listed" in tasks
    assert "TEMP B-TREE" not in tasks


@pytest.mark.spec("T-02", "T-24")
@pytest.mark.parametrize("owner", ["", "o" * 256])
async def test_owner_of_no_or_more_than_255_characters_is_refused(
    database: Database, clock: FakeClock, owner: str
) -> None:
    assert await Conversations(database, clock, "o" * 255).create()
    with pytest.raises(StorageError):
        await Conversations(database, clock, owner).create()


@pytest.mark.spec("P-32")
async def test_list_of_200_conversations_takes_one_select(path: Path, clock: FakeClock) -> None:
    heard: list[str] = []
    database = Database(path, clock=clock, observe=lambda sql, _: heard.append(sql))
    await database.open()
    chats = Conversations(database, clock)
    for number in range(200):
        made = await chats.create(title=f"chat {number}")
        await database.write(_many_messages(made.id, 20))
    heard.clear()
    listed = await chats.list(limit=200)
    selects = [sql for sql in heard if sql.lstrip().upper().startswith(("SELECT", "WITH"))]
    await database.close()
    assert len(selects) <= 2
    assert len(listed) == 200
    assert all(chat.messages == 20 and chat.snippet == "message 19" for chat in listed)


def _many_messages(chat: int, count: int) -> object:
    def change(connection: apsw.Connection) -> None:
        for number in range(count):
            conversations._insert(
                connection,
                ("local", chat, None),
                user(f"message {number}"),
                (Status.COMPLETE, Source.WINDOW, "", "", "2026-01-01T00:00:00.000000Z"),
            )
            branches.touch(connection, chat, f"message {number}", "2026-01-01T00:00:00.000000Z")

    return change


@pytest.mark.spec("P-32")
async def test_page_of_10000_conversations_lists_within_50_ms(database: Database, chats: Conversations) -> None:
    import time

    def fill(connection: apsw.Connection) -> None:
        connection.executemany(
            "INSERT INTO conversations (owner_id, title, snippet, created_at, updated_at) VALUES ('local', ?, 's', ?, ?)",
            [
                (f"chat {n}", *(2 * [f"2026-01-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}.000000Z"]))
                for n in range(10_000)
            ],
        )

    await database.write(fill)
    best = 1.0
    for _ in range(5):
        started = time.perf_counter()
        page = await chats.list(limit=100)
        best = min(best, time.perf_counter() - started)
    assert best < allowed(0.05)
    assert [chat.title for chat in page[:2]] == ["chat 9999", "chat 9998"]
    seen = {chat.id for chat in page}
    while page:
        page = await chats.list(limit=500, before=page[-1].cursor)
        assert not seen & {chat.id for chat in page}
        seen |= {chat.id for chat in page}
    assert len(seen) == 10_000


async def test_list_ties_in_time_lose_nobody_between_pages(chats: Conversations) -> None:
    made = [(await chats.create(title=str(number))).id for number in range(7)]
    first = await chats.list(limit=3)
    second = await chats.list(limit=10, before=first[-1].cursor)
    assert [chat.id for chat in (*first, *second)] == made[::-1]


@pytest.mark.spec("T-03", "T-24")
async def test_message_of_every_part_comes_back_equal(chats: Conversations) -> None:
    chat = await chats.create()
    said = await chats.add_message(chat.id, None, Message(Role.ASSISTANT, EVERYTHING), model="m", source=Source.API)
    found = (await chats.path(chat.id))[0]
    assert found == said
    assert found.parts == EVERYTHING
    assert (found.model, found.source, found.sequence, found.siblings) == ("m", Source.API, 1, (said.id,))
    assert found.tool_calls == (EVERYTHING[2],)


@pytest.mark.spec("T-03", "T-24")
async def test_message_for_a_missing_conversation_is_refused(database: Database, chats: Conversations) -> None:
    with pytest.raises(InvalidInput, match="chat 77"):
        await chats.add_message(77, None, user("hello"))

    def past_the_checks(connection: apsw.Connection) -> None:
        connection.execute(
            "INSERT INTO messages (owner_id, conversation_id, sequence, role, parts, checksum, status, created_at)"
            " VALUES ('local', 77, 1, 'user', '[]', 0, 'complete', 'now')"
        )

    with pytest.raises(StorageError) as caught:
        await database.write(past_the_checks)
    assert isinstance(caught.value.__cause__, apsw.ConstraintError)


@pytest.mark.spec("T-03")
async def test_messages_in_time_use_their_index_without_a_sort(database: Database) -> None:
    found = await plan(database, branches.IN_TIME, (1,))
    assert "USING INDEX messages_in_time (conversation_id=?)" in found
    assert "ORDER BY" not in found.split("CORRELATED")[0]


@pytest.mark.spec("T-03", "T-18")
async def test_ten_messages_of_one_moment_keep_their_order(chats: Conversations) -> None:
    chat = await chats.create()
    parent = None
    for number in range(10):
        parent = (await chats.add_message(chat.id, parent, user(str(number)))).id
    for read in (chats.path, chats.tree):
        assert [message.message.text for message in await read(chat.id)] == [str(number) for number in range(10)]


@pytest.mark.spec("T-18", "T-24")
async def test_path_of_sixty_messages_starts_its_newest_fifty_with_the_eleventh(
    chats: Conversations, clock: FakeClock
) -> None:
    chat = await chats.create()
    parent = None
    for number in range(1, 61):
        clock.jump(1 if number % 2 else 0)
        message = (
            Message(Role.ASSISTANT, (Text(str(number)), ToolCall("c", "look", {})))
            if number == 30
            else user(str(number))
        )
        parent = (await chats.add_message(chat.id, parent, message)).id
    newest = await chats.path(chat.id, limit=50)
    assert [message.message.text for message in newest] == [str(number) for number in range(11, 61)]
    assert newest[19].tool_calls == (ToolCall("c", "look", {}),)
    older = await chats.path(chat.id, limit=50, before_sequence=newest[0].sequence)
    assert [message.message.text for message in older] == [str(number) for number in range(1, 11)]
    assert await chats.path(chat.id, before_sequence=older[0].sequence) == []


@pytest.mark.spec("T-18", "T-24")
async def test_conversation_of_another_owner_is_not_there(database: Database, clock: FakeClock) -> None:
    mine, other = Conversations(database, clock), Conversations(database, clock, "other")
    chat = await mine.create(title="secret zebra")
    said = await mine.add_message(chat.id, None, user("zebra"))
    assert await other.list() == []
    assert await other.search("zebra") == []
    for attempt in (
        other.get(chat.id),
        other.path(chat.id),
        other.rename(chat.id, "x"),
        other.delete(chat.id),
        other.message(said.id),
        other.choose(said.id),
        other.add_message(chat.id, None, user("x")),
        other.update_answer(said.id, ()),
    ):
        with pytest.raises(InvalidInput) as caught:
            await attempt
        assert caught.value.name == "not_found"


@pytest.mark.spec("T-24")
async def test_conversation_deleted_leaves_the_list_and_restore_brings_all_of_it_back(
    chats: Conversations, clock: FakeClock
) -> None:
    chat = await chats.create(title="a")
    await chats.pin(chat.id)
    await chats.set_draft(chat.id, "half a sen")
    await chats.set_scroll(chat.id, "12:34")
    await chats.set_model(chat.id, "x/y")
    await chats.set_mode(chat.id, Mode.ACT)
    before = await chats.get(chat.id)
    clock.jump(60)
    await chats.delete(chat.id)
    assert await chats.list() == await chats.pinned() == []
    assert [found.deleted for found in await chats.list(deleted=True)] == [clock.now()]
    assert (await chats.count(), await chats.count(deleted=True)) == (0, 1)
    await chats.restore(chat.id)
    assert await chats.get(chat.id) == before
    assert await chats.list() == await chats.pinned() == [before]


async def test_rename_a_title_the_user_edited_is_never_overwritten_by_a_made_one(chats: Conversations) -> None:
    chat = await chats.create()
    assert await chats.rename(chat.id, "made", edited=False)
    assert await chats.rename(chat.id, "mine")
    assert not await chats.rename(chat.id, "made again", edited=False)
    assert (await chats.get(chat.id)).title == "mine"


async def test_choose_moves_between_siblings_and_remembers_every_fork(chats: Conversations) -> None:
    chat = await chats.create()

    async def say(parent: int | None, text: str) -> int:
        return (await chats.add_message(chat.id, parent, user(text))).id

    async def shown() -> list[str]:
        return [message.message.text for message in await chats.path(chat.id)]

    one = await say(None, "1")
    left = await say(one, "1a")
    left_end = await say(left, "1a-1")
    right = await say(one, "1b")
    assert await shown() == ["1", "1b"]
    await chats.choose(left)
    assert await shown() == ["1", "1a", "1a-1"]
    assert [message.siblings for message in await chats.path(chat.id)] == [(one,), (left, right), (left_end,)]
    await say(left, "1a-2")
    await chats.choose(right)
    await chats.choose(left)
    assert await shown() == ["1", "1a", "1a-2"]
    other_start = await say(None, "2")
    await chats.choose(right)
    await chats.choose(other_start)
    await chats.choose(one)
    assert await shown() == ["1", "1b"]
    await chats.choose(left_end)
    await chats.choose(other_start)
    await chats.choose(one)
    assert await shown() == ["1", "1a", "1a-1"]


async def test_parent_of_another_conversation_is_refused_by_the_check_and_by_the_database(
    database: Database, chats: Conversations
) -> None:
    one, other = await chats.create(), await chats.create()
    said = await chats.add_message(one.id, None, user("x"))
    with pytest.raises(InvalidInput):
        await chats.add_message(other.id, said.id, user("y"))
    with pytest.raises(StorageError):
        await database.write(
            lambda connection: conversations._insert(
                connection, ("local", other.id, said.id), user("y"), (Status.COMPLETE, None, "", "", "now")
            )
        )
    assert await chats.tree(other.id) == []


async def test_long_conversation_can_be_removed_whole(database: Database, chats: Conversations) -> None:
    chat = await chats.create()

    def fill(connection: apsw.Connection) -> None:
        parent = None
        for number in range(3000):
            parent = conversations._insert(
                connection,
                ("local", chat.id, parent),
                user(f"needle {number}"),
                (Status.COMPLETE, None, "", "", "2026-01-01T00:00:00.000000Z"),
            )
        branches.show(connection, chat.id, parent)

    await database.write(fill)
    assert len(await chats.path(chat.id)) == 3000
    await database.write(lambda connection: connection.execute("DELETE FROM conversations"))
    assert await chats.search("needle") == []


@pytest.mark.spec("T-24")
async def test_message_changed_behind_our_back_raises_alone_and_shows_as_a_failure_in_its_chat(
    database: Database, chats: Conversations
) -> None:
    chat = await chats.create()
    good = await chats.add_message(chat.id, None, user("good"))
    bad = await chats.add_message(chat.id, good.id, assistant("bad"))
    for damage in ('parts = \'[{"kind":"text","text":"bed"}]\'', "parts = 'no json', checksum = 1"):
        await database.write(
            lambda connection, d=damage: connection.execute(f"UPDATE messages SET {d} WHERE id = ?", (bad.id,))
        )
        with pytest.raises(StorageError) as caught:
            await chats.message(bad.id)
        assert caught.value.name == "bad_record"
        shown = await chats.path(chat.id)
        assert shown[0].parts == (user("good").parts)
        assert isinstance(shown[1].parts[0], Failure)


@pytest.mark.parametrize("text", ["nul \x00 in it", "lone \ud800 surrogate", "\U0001f600" * 1000, " ", "\u2028\u0085"])
async def test_text_of_any_kind_can_be_stored_and_found_again(chats: Conversations, text: str) -> None:
    chat = await chats.create(title=text)
    await chats.set_draft(chat.id, text)
    stored = await chats.add_message(chat.id, None, user(text))
    found = (await chats.message(stored.id)).message.text
    assert found in {text, text.replace("\ud800", "\ufffd")}
