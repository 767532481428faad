"""What takes the room in the file, and giving back what is free."""

from __future__ import annotations

from collections.abc import Mapping

import apsw

from portal_desktop.storage.connect import number, select

KINDS: Mapping[str, str] = {
    "conversations": "chats",
    "messages": "chats",
    "answer_deltas": "chats",
    "events": "chats",
    "turns": "chats",
    "messages_text": "search",
    "titles_text": "search",
    "tasks": "tasks",
    "task_history": "tasks",
    "tool_results": "tool results",
    "audit_log": "audit",
    "settings": "settings",
}


def size_by_kind(connection: apsw.Connection) -> dict[str, int]:
    """Return the bytes of chats, search, tasks, tool results, audit, settings and the rest, and what is free."""
    owners = {str(name): str(table) for name, table in select(connection, "SELECT name, tbl_name FROM sqlite_schema")}
    sizes: dict[str, int] = {}
    for name, size in select(connection, "SELECT name, sum(pgsize) FROM dbstat GROUP BY name"):
        kind = _kind(owners.get(str(name), str(name)))
        sizes[kind] = sizes.get(kind, 0) + int(size)
    pages, page_size = (number(connection, f"PRAGMA {name}") for name in ("freelist_count", "page_size"))
    return {**sizes, "free": pages * page_size}


def compact(connection: apsw.Connection) -> None:
    """Rewrite the file without its free pages; needs as much room again for as long as it takes."""
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _kind(table: str) -> str:
    for name in sorted(KINDS, key=len, reverse=True):
        if table == name or table.startswith(f"{name}_"):
            return KINDS[name]
    return "rest"
