"""The tree of a conversation: which branch is shown, and which way each fork was last left."""

from __future__ import annotations

from typing import Any

import apsw

from portal_desktop.errors import InvalidInput
from portal_desktop.storage.connect import number, one_row, select

SELECT_MESSAGE = (
    "SELECT m.id, m.conversation_id, m.parent_id, m.role, m.parts, m.checksum, m.status, m.model, m.usage, m.source,"
    " m.created_at, m.sequence, m.first_token_seconds, m.seconds,"
    " (SELECT group_concat(s.id, ',' ORDER BY s.sequence) FROM messages s"
    " WHERE s.conversation_id = m.conversation_id AND s.parent_id IS m.parent_id)"
    " FROM messages m"
)
IN_TIME = f"{SELECT_MESSAGE} WHERE m.conversation_id = ? ORDER BY m.created_at, m.sequence"
UPWARDS = (
    "WITH RECURSIVE up (id, parent_id) AS (SELECT id, parent_id FROM messages WHERE id = ?"  # noqa: S608 - constants
    " UNION ALL SELECT p.id, p.parent_id FROM messages p JOIN up ON p.id = up.parent_id LIMIT ?) "
    + SELECT_MESSAGE.replace("FROM messages m", "FROM up JOIN messages m ON m.id = up.id")
    + " ORDER BY m.sequence"
)
REMEMBER = (
    "WITH RECURSIVE up (id, parent_id) AS (SELECT id, parent_id FROM messages WHERE id = ?"
    " UNION ALL SELECT p.id, p.parent_id FROM messages p JOIN up ON p.id = up.parent_id)"
    " UPDATE messages SET chosen_child_id = up.id FROM up"
    " WHERE messages.id = up.parent_id AND messages.chosen_child_id IS NOT up.id"
)
DOWNWARDS = (
    "WITH RECURSIVE down (id, next, depth) AS (SELECT id, chosen_child_id, 0 FROM messages WHERE id = ?"
    " UNION ALL SELECT c.id, c.chosen_child_id, depth + 1 FROM messages c JOIN down ON c.id = down.next)"
    " SELECT id FROM down ORDER BY depth DESC LIMIT 1"
)


def check_parent(connection: apsw.Connection, conversation_id: int, parent_id: int) -> None:
    """Refuse a parent that is not a message of this conversation.

    Raises:
        InvalidInput: not_found.
    """
    found = select(
        connection, "SELECT 1 FROM messages WHERE id = ? AND conversation_id = ?", (parent_id, conversation_id)
    )
    if not found:
        raise InvalidInput("not_found", what=f"message {parent_id}")


def upwards(connection: apsw.Connection, start: int | None, limit: int | None) -> list[tuple[Any, ...]]:
    """Return the rows from the first message (or at most `limit` of the newest) down to `start`."""
    return select(connection, UPWARDS, (start, -1 if limit is None else limit))


def start_of(
    connection: apsw.Connection, conversation_id: int, leaf_id: int | None, before_sequence: int | None
) -> int | None:
    """Return the message a page ends with: the tip of the branch, or the parent of the one already shown."""
    if before_sequence is None or leaf_id is None:
        return leaf_id
    row = select(
        connection,
        "SELECT parent_id FROM messages WHERE conversation_id = ? AND sequence = ?",
        (conversation_id, before_sequence),
    )
    if not row:
        raise InvalidInput("not_found", what=f"message number {before_sequence}")
    return None if row[0][0] is None else int(row[0][0])


def descend(connection: apsw.Connection, message_id: int) -> int:
    """Return the tip of the branch below a message, following the way each fork was last left."""
    return number(connection, DOWNWARDS, (message_id,))


def show(connection: apsw.Connection, conversation_id: int, leaf_id: int) -> None:
    """Show the branch that ends in this message and remember the way to it at every fork.

    Growing at the tip, by far the most frequent case, touches one parent only.
    """
    parent, leaf = one_row(
        connection,
        "SELECT m.parent_id, c.leaf_id FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.id = ?",
        (leaf_id,),
    )
    if parent is not None and parent == leaf:
        connection.execute("UPDATE messages SET chosen_child_id = ? WHERE id = ?", (leaf_id, parent))
    else:
        connection.execute(REMEMBER, (leaf_id,))
    connection.execute("UPDATE conversations SET leaf_id = ? WHERE id = ?", (leaf_id, conversation_id))


def touch(connection: apsw.Connection, conversation_id: int, snippet: str, now: str) -> None:
    """Count a new message in and move its conversation to the top of the list."""
    connection.execute(
        "UPDATE conversations SET message_count = message_count + 1, updated_at = ?1,"
        " snippet = CASE WHEN ?2 = '' THEN snippet ELSE ?2 END WHERE id = ?3",
        (now, snippet, conversation_id),
    )


def finish(connection: apsw.Connection, conversation_id: int, snippet: str, now: str) -> None:
    """Show in the list that an answer has ended and nobody has read it yet."""
    connection.execute(
        "UPDATE conversations SET updated_at = ?1, unread = 1,"
        " snippet = CASE WHEN ?2 = '' THEN snippet ELSE ?2 END WHERE id = ?3",
        (now, snippet, conversation_id),
    )
