"""Runs the program `portal` as a process of its own, with a home of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "portal_desktop.command")


@dataclass(frozen=True)
class Done:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def document(self) -> Any:
        return json.loads(self.out)


def variables(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of the child: the one of this process without its own PORTAL_ variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    quiet = {"PORTAL_HOME": str(home), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring", "LANG": "C.UTF-8"}
    return {**kept, **quiet, **(more or {})}


async def begin(
    *words: str, home: Path, more: Mapping[str, str] | None = None, command: tuple[str, ...] = COMMAND
) -> asyncio.subprocess.Process:
    """Start the program with pipes."""
    return await asyncio.create_subprocess_exec(
        *command,
        *words,
        cwd=ROOT,
        env=variables(home, more),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def portal(
    *words: str,
    home: Path,
    typed: bytes = b"",
    more: Mapping[str, str] | None = None,
    command: tuple[str, ...] = COMMAND,
) -> Done:
    """Run the program to its end."""
    child = await begin(*words, home=home, more=more, command=command)
    out, err = await asyncio.wait_for(child.communicate(typed), 50)
    assert child.returncode is not None
    return Done(child.returncode, out.decode(), err.decode())
