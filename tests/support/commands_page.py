"""Writes docs/user/command-line.md from the grammar of the program: ``python -m tests.support.commands_page``."""

from __future__ import annotations

import argparse
from pathlib import Path

from portal_desktop.command import parser

FILE = Path(__file__).resolve().parents[2] / "docs" / "user" / "command-line.md"

_HEAD = """# The command line

<!-- Written by `python -m tests.support.commands_page` from the program; do not edit. -->

`portal` uses the same chats, tasks and settings as the window, and works while the window is open or closed.

Exit codes: 0 complete, 1 failed, 2 usage, 3 not reachable, 4 refused, 5 cut off or interrupted.

With `--json`, `ask` and `chat` print one object per line:

| event | fields |
|---|---|
| `phase` | `phase`, `detail` |
| `text`, `thinking` | `delta` |
| `tool_call` | `id`, `name`, `arguments` |
| `tool_result` | `id`, `ok`, `result` |
| `usage` | `prompt_tokens`, `completion_tokens` |
| `finish` | `reason`, `conversation`, `message` |
| `error` | `kind`, `code`, `message` |
"""


def page() -> str:
    """Return the whole page."""
    return _HEAD + "".join(_sections(parser(), "portal"))


def _sections(grammar: argparse.ArgumentParser, name: str) -> list[str]:
    sections: list[str] = []
    for action in grammar._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, child in action.choices.items():
                nested = any(isinstance(a, argparse._SubParsersAction) for a in child._actions)
                sections += _sections(child, f"{name} {word}") if nested else [_section(child, f"{name} {word}")]
    return sections


def _section(grammar: argparse.ArgumentParser, name: str) -> str:
    words = grammar.description or ""
    rows = [_row(action) for action in grammar._actions if action.dest != "help"]
    table = "\n| argument | meaning |\n|---|---|\n" + "".join(rows) if rows else ""
    return f"\n## `{name}`\n\n{words}\n{table}".replace("\n\n\n", "\n\n")


def _row(action: argparse.Action) -> str:
    names = ", ".join(f"`{option}`" for option in action.option_strings) or f"`{action.metavar or action.dest}`"
    choices = f" One of {', '.join(str(choice) for choice in action.choices)}." if action.choices else ""
    return f"| {names} | {(action.help or '').strip()}{choices} |\n"


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(page(), encoding="utf-8")
