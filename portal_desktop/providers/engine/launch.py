"""What parent and child agree on: how one is started, told what to load, and how it says that it is ready."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

ENGINE_FLAG = "--engine"
"""The argument that makes the packaged executable an engine; it must be looked at before Qt is imported."""

KEY_VARIABLE = "PORTAL_ENGINE_KEY"  # the name of a variable, not a key
READY = b"READY "

LOAD_REFUSED = 3
"""Exit code: llama.cpp would not load the file; the reason is on standard error."""

NOT_INSTALLED = 4
"""Exit code: the engine package cannot be imported."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What one engine process loads and how; sent to the child as the first line of its standard input.

    `context` 0 takes what the model was trained for, cut to what fits into memory.
    """

    model: str
    threads: int
    context: int = 0
    embedding: bool = False

    def to_line(self) -> bytes:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> EngineConfig:
        """Read what `to_line` wrote.

        Raises:
            ValueError, TypeError: the line is something else.
        """
        return cls(**json.loads(line))


def engine_command(executable: str = sys.executable, *, frozen: bool = False) -> tuple[str, ...]:
    """Return the command of the child: the packaged app itself, or this interpreter."""
    if frozen:
        return (executable, ENGINE_FLAG)
    return (executable, "-P", "-m", "portal_desktop.providers.engine")


def engine_threads(wanted: int = 0, *, cpus: Path = Path("/sys/devices/system/cpu"), logical: int = 1) -> int:
    """Return how many threads an engine gets: what the user wants, else all physical cores but one, at least 1."""
    return wanted if wanted > 0 else max(1, _physical_cores(cpus, logical) - 1)


def _physical_cores(cpus: Path, logical: int) -> int:
    cores = {path.read_text() for path in cpus.glob("cpu[0-9]*/topology/thread_siblings_list")}
    if cores:
        return len(cores)
    return logical if sys.platform == "darwin" else max(1, logical // 2)


def ready_line(address: str) -> bytes:
    """Return the one line a child prints once it answers."""
    return READY + json.dumps({"address": address}).encode() + b"\n"


def read_ready(line: bytes) -> str | None:
    """Return the address in a ready line; None for any other line."""
    if not line.startswith(READY):
        return None
    try:
        said = json.loads(line[len(READY) :])
    except ValueError:
        return None
    address = said.get("address") if isinstance(said, dict) else None
    return address if isinstance(address, str) and address.startswith("http://127.0.0.1:") else None
