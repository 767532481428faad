"""The full-text index equals the rows, and what a user types is never the index's query language."""

from __future__ import annotations

import random

import apsw
import pytest

from portal_desktop.messages import Message, Role, Status, Text, Thinking, assistant, user
from portal_desktop.storage.conversations import Conversations
from portal_desktop.storage.database import Database
from portal_desktop.storage.search import check_indexes, match_of, rebuild

WORDS = [
    f"{start}{end}" for start in ("zeb", "gir", "ele", "kang", "wal") for end in ("ra", "affe", "phant", "roo", "rus")
]


@pytest.mark.spec("P-36")
async def test_index_equals_the_rows_after_a_thousand_random_changes(database: Database, chats: Conversations) -> None:
    dice = random.Random(7)
    chat = await chats.create()
    texts: dict[int, str] = {}

    def change(connection: apsw.Connection) -> None:
        for _ in range(1000):
            move = dice.random()
            text = " ".join(dice.choices(WORDS, k=dice.randint(0, 12)))
            if move < 0.5 or not texts:
                sql = (
                    "INSERT INTO messages (owner_id, conversation_id, sequence, role, parts, checksum, body, status,"
                    " created_at) VALUES ('local', ?1, (SELECT coalesce(max(sequence), 0) + 1 FROM messages), 'user',"
                    " '[]', 0, ?2, 'complete', '2026-01-01T00:00:00.000000Z') RETURNING id"
                )
                texts[connection.execute(sql, (chat.id, text)).fetchall()[0][0]] = text
            elif move < 0.8:
                number = dice.choice(list(texts))
                connection.execute("UPDATE messages SET body = ? WHERE id = ?", (text, number))
                texts[number] = text
            else:
                number = dice.choice(list(texts))
                connection.execute("DELETE FROM messages WHERE id = ?", (number,))
                del texts[number]

    await database.write(change)
    await database.write(check_indexes)
    for word in WORDS:
        hits = {hit.message_id for hit in await chats.search(word, limit=2000)}
        assert hits == {number for number, text in texts.items() if word in text.split()}


@pytest.mark.spec("P-36")
async def test_answer_updated_matches_only_its_new_words(chats: Conversations) -> None:
    chat = await chats.create()
    said = await chats.add_message(chat.id, None, assistant("old giraffe"))
    await chats.update_answer(said.id, (Thinking("walrus"), Text("new zebra")))
    assert [hit.message_id for hit in await chats.search("new zebra")] == [said.id]
    assert await chats.search("giraffe") == []
    assert await chats.search("walrus") == []


@pytest.mark.spec("P-36")
async def test_text_of_a_deleted_conversation_cannot_be_found(database: Database, chats: Conversations) -> None:
    chat = await chats.create(title="Kangaroo")
    await chats.add_message(chat.id, None, user("walrus"))
    await chats.delete(chat.id)
    assert await chats.search("walrus") == await chats.search("kangaroo") == []
    await chats.restore(chat.id)
    assert len(await chats.search("walrus")) == len(await chats.search("kangaroo")) == 1
    await database.write(lambda connection: connection.execute("DELETE FROM conversations"))
    await database.write(check_indexes)
    raw = "SELECT count(*) FROM messages_text WHERE messages_text MATCH 'walrus'"
    assert await database.read(lambda connection: connection.execute(raw).fetchall()) == [(0,)]


@pytest.mark.spec("P-36")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("what's new?", True),
        ("C++", True),
        ("foo-bar", True),
        ("AND", True),
        ("user@example.com", True),
        ("foo NEAR bar", False),
        ('un"balanced', False),
        ('"', False),
        ("", False),
        ("   ", False),
        ("*", False),
        ("foo*", True),
        ("body:foo", False),
        ("{zz}", False),
        ("^what", True),
        ("ex", True),
        ("caf\u00e9", True),
        ("CAFE", True),
    ],
)
async def test_search_for_any_text_answers(chats: Conversations, asked: str, found: bool) -> None:
    chat = await chats.create()
    await chats.add_message(chat.id, None, user("What's new in C++ AND foo-bar? Mail user@example.com, Caf\u00e9"))
    assert bool(await chats.search(asked)) is found


@pytest.mark.spec("P-36")
async def test_ten_thousand_random_texts_never_raise(database: Database, chats: Conversations) -> None:
    dice = random.Random(11)
    chat = await chats.create()
    await chats.add_message(chat.id, None, user("zebra"))
    special = "\"'*^:(){}[]+-\\\x00\ud800\u202e\u0301 \t\n~"

    def text() -> str:
        return "".join(
            dice.choice(special) if dice.random() < 0.4 else chr(dice.randrange(0x110000))
            for _ in range(dice.randint(0, 12))
        )

    texts = [text() for _ in range(10_000)]

    def ask(connection: apsw.Connection) -> int:
        asked = [match_of(text) for text in texts]
        for query in asked:
            if query:
                connection.execute(
                    "SELECT count(*) FROM messages_text WHERE messages_text MATCH ?", (query,)
                ).fetchall()
        return sum(1 for query in asked if query)

    assert await database.read(ask) > 5000
    for odd in texts[:200]:
        await chats.search(odd)


async def test_search_newest_first_with_snippet_and_title(chats: Conversations) -> None:
    chat = await chats.create(title="Animals")
    first = await chats.add_message(chat.id, None, user("a zebra " + "filler " * 40))
    second = await chats.add_message(chat.id, first.id, assistant("filler " * 40 + " the zebra"))
    hits = await chats.search("zebra")
    assert [hit.message_id for hit in hits] == [second.id, first.id]
    assert all("zebra" in hit.snippet and hit.title == "Animals" and len(hit.snippet) < 200 for hit in hits)
    assert len(await chats.search("zebra", limit=1)) == 1
    by_title = await chats.search("anim")
    assert [(hit.conversation_id, hit.message_id) for hit in by_title] == [(chat.id, None)]


async def test_search_text_on_a_branch_that_is_not_shown_is_found(chats: Conversations) -> None:
    chat = await chats.create()
    hidden = await chats.add_message(chat.id, None, user("giraffe"))
    await chats.add_message(chat.id, None, user("other"))
    assert [hit.message_id for hit in await chats.search("giraffe")] == [hidden.id]


async def test_index_damaged_is_noticed_and_rebuilt(database: Database, chats: Conversations) -> None:
    chat = await chats.create()
    await chats.add_message(chat.id, None, user("zebra"))
    await database.write(
        lambda connection: connection.execute("INSERT INTO messages_text (rowid, body) VALUES (99, 'ghost')")
    )
    with pytest.raises(Exception, match="damaged"):
        await database.write(check_indexes)
    await database.write(rebuild)
    await database.write(check_indexes)
    assert len(await chats.search("zebra")) == 1


async def test_growing_answer_is_found_when_it_has_ended(chats: Conversations) -> None:
    chat = await chats.create()
    said = await chats.add_message(chat.id, None, Message(Role.ASSISTANT, ()), status=Status.STREAMING)
    await chats.update_answer(said.id, (Text("zebra"),))
    await chats.update_answer(said.id, (Text("zebra"),), status=Status.STOPPED)
    assert [hit.message_id for hit in await chats.search("zebra")] == [said.id]
