"""Writes docs/settings.md from the declarations: ``python -m tests.support.settings_page``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from portal_desktop.settings import SETTINGS, Setting
from portal_desktop.settings.environment import HOME, SET_FOR_CHILDREN
from portal_desktop.settings.kinds import plain

FILE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"

_HEAD = f"""# Settings

<!-- Written by `python -m tests.support.settings_page` from the declarations; do not edit. -->

A value comes from the first of these that has one: the environment variable, the administrator's file, your own choice
in the settings window, the default. The settings window and `portal doctor` say which.

The administrator's file is `portal.toml` in the configuration folder; it is optional and the app never writes it. Its
keys are the ids below, as tables (`[chat]` with `max_rounds = 4`) or dotted (`chat.max_rounds = 4`); the word `"none"`
stands for no value. While the file is broken or gone, the last good one stays in force and the problem is shown; an
empty file ends it.

`{HOME}` moves every file of the app (database, logs, models, backups, cache, lock) below one folder.
{", ".join(f"`{name}`" for name in SET_FOR_CHILDREN)} is set by the app for its engine process; your value is not used.

Durations are seconds, or a number with a unit: `500ms`, `30s`, `2m`, `1h`. Lists are JSON in a variable unless the
setting says otherwise.
"""


def page() -> str:
    """Return the whole page."""
    return _HEAD + "".join(_row(setting) for setting in SETTINGS)


def _row(setting: Setting[Any]) -> str:
    default = plain(setting.default)
    shown = "none" if default is None else "empty" if default in ("", []) else f"{default}".lower()
    lines = [
        f"\n## {setting.id}\n",
        f"{setting.title}. {setting.help}\n",
        f"- Allowed: {setting.kind.describe()}",
        f"- Default: {shown}",
        f"- Variable: `{setting.variable}`",
        f"- Page: {setting.page}",
        f"- May differ per: {setting.scope.value}",
    ]
    if setting.restart:
        lines.append("- Takes effect at the next start")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
