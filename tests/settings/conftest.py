"""Settings over a folder of their own and a table that forgets nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from portal_desktop.settings import SETTINGS, Environment, Settings


class Table:
    """Stands for the table of storage: keeps JSON text."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}

    async def load(self) -> dict[str, object]:
        return {name: json.loads(text) for name, text in self.rows.items()}

    async def save(self, setting_id: str, value: object | None) -> None:
        if value is None:
            self.rows.pop(setting_id, None)
        else:
            self.rows[setting_id] = json.dumps(value)


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def admin_file(tmp_path: Path) -> Path:
    return tmp_path / "portal.toml"


@pytest.fixture
def make(admin_file: Path, tmp_path: Path) -> Callable[..., Settings]:
    def build(variables: Mapping[str, str] | None = None) -> Settings:
        settings = Settings(Environment(variables or {}), admin_file, tmp_path / "data" / "last-good.toml", SETTINGS)
        settings.load()
        return settings

    return build
