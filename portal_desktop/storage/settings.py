"""The user's own values of settings, one row each."""

from __future__ import annotations

import apsw

from portal_desktop.clock import Clock, to_iso
from portal_desktop.errors import SettingsError, StorageError
from portal_desktop.storage.connect import select
from portal_desktop.storage.database import Database
from portal_desktop.storage.records import from_json, to_json

OWNER = "local"


class SettingRows:
    """What `settings.SettingsStore` asks for."""

    def __init__(self, database: Database, clock: Clock, owner_id: str = OWNER) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner_id

    async def load(self) -> dict[str, object]:
        """Return every stored value by the setting's id.

        Raises:
            SettingsError: bad_setting names the first one that cannot be read; `save(id, None)` removes it.
        """

        def query(connection: apsw.Connection) -> dict[str, object]:
            rows = select(connection, "SELECT id, value FROM settings WHERE owner_id = ? ORDER BY id", (self._owner,))
            return {name: _value(name, text) for name, text in rows}

        return await self._database.read(query)

    async def save(self, setting_id: str, value: object | None) -> None:
        """Store a value; None removes it, so that the default holds.

        Raises:
            InvalidInput: the value has no JSON form.
        """
        text = None if value is None else to_json(value, setting_id)
        now = to_iso(self._clock.now())

        def change(connection: apsw.Connection) -> None:
            if text is None:
                connection.execute("DELETE FROM settings WHERE owner_id = ? AND id = ?", (self._owner, setting_id))
                return
            connection.execute(
                "INSERT INTO settings (owner_id, id, value, updated_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (owner_id, id) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
                (self._owner, setting_id, text, now),
            )

        await self._database.write(change)


def _value(name: str, text: str) -> object:
    try:
        value: object = from_json(text, f"settings {name}")
    except StorageError as error:
        raise SettingsError("bad_setting", field=name, problem="reset it, its stored value is damaged") from error
    return value
