"""Full-text search: what a user types becomes quoted words, never the index's own query language."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from portal_desktop.clock import from_iso
from portal_desktop.storage.connect import select
from portal_desktop.storage.records import clean, decoded

MAX_CHARACTERS = 1000
MAX_WORDS = 32

IN_MESSAGES = (
    "SELECT m.conversation_id, m.id, c.title, snippet(messages_text, 0, '', '', '…', 16), m.created_at"
    " FROM messages_text JOIN messages m ON m.id = messages_text.rowid"
    " JOIN conversations c ON c.id = m.conversation_id"
    " WHERE messages_text MATCH ? AND c.owner_id = ? AND c.deleted_at IS NULL"
    " ORDER BY messages_text.rowid DESC LIMIT ?"
)
IN_TITLES = (
    "SELECT c.id, NULL, c.title, c.snippet, c.updated_at FROM titles_text"
    " JOIN conversations c ON c.id = titles_text.rowid"
    " WHERE titles_text MATCH ? AND c.owner_id = ? AND c.deleted_at IS NULL"
    " ORDER BY titles_text.rowid DESC LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A message that holds the words, or a conversation whose title does (`message_id` is None then)."""

    conversation_id: int
    message_id: int | None
    title: str
    snippet: str
    created: datetime


def match_of(text: str) -> str:
    """Return the query for a text: every word quoted, the last one as a beginning; empty when there is no word."""
    words = [word.replace('"', '""') for word in clean(text[:MAX_CHARACTERS]).split() if _has_token(word)]
    quoted = [f'"{word}"' for word in words[:MAX_WORDS]]
    return f"{' '.join(quoted)}*" if quoted else ""


def search_messages(connection: apsw.Connection, owner_id: str, text: str, limit: int) -> list[SearchHit]:
    """Return titles first, then messages, newest first: ranking every hit of a common word would take 0.3 s."""
    query = match_of(text)
    if not query:
        return []
    rows = select(connection, IN_TITLES, (query, owner_id, limit))
    rows += select(connection, IN_MESSAGES, (query, owner_id, max(limit - len(rows), 0)))
    return [decoded("search", row, _hit) for row in rows]


def _hit(row: tuple[Any, ...]) -> SearchHit:
    return SearchHit(row[0], row[1], row[2], row[3], from_iso(row[4]))


def rebuild(connection: apsw.Connection) -> None:
    """Make both indexes anew from the rows, inside the caller's transaction."""
    connection.execute("INSERT INTO messages_text (messages_text) VALUES ('rebuild')")
    connection.execute("INSERT INTO titles_text (titles_text) VALUES ('rebuild')")


def check_indexes(connection: apsw.Connection) -> None:
    """Compare both indexes with the rows.

    Raises:
        apsw.CorruptError: they differ.
    """
    connection.execute("INSERT INTO messages_text (messages_text, rank) VALUES ('integrity-check', 1)")
    connection.execute("INSERT INTO titles_text (titles_text, rank) VALUES ('integrity-check', 1)")


def _has_token(word: str) -> bool:
    return any(
        unicodedata.category(character)[0] in "LN" or unicodedata.category(character) == "Co" for character in word
    )
