"""One kept value before the database is open: what the first picture needs. Synchronous, and light to import."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import apsw

from portal_desktop.storage.connect import connect_read_only, select, wal_of

OWNER = "local"


def glance(path: Path, setting_id: str, owner_id: str = OWNER) -> object:
    """Return a stored setting's value, or None when it cannot be had at once.

    It waits for no lock and changes nothing; why a file cannot be read is told by the opening that follows.
    """
    try:
        if not path.is_file():
            return None
        log = wal_of(path)
        alone = not log.exists() or log.stat().st_size == 0
        with closing(connect_read_only(path, immutable=alone)) as connection:
            rows = select(
                connection, "SELECT value FROM settings WHERE owner_id = ? AND id = ?", (owner_id, setting_id)
            )
        value: object = json.loads(rows[0][0]) if rows else None
    except (apsw.Error, OSError, ValueError, RecursionError):
        return None
    return value
