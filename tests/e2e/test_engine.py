"""The window with the embedded engine: its child process never outlives the program."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.models.scripted import build_scripted
from tests.support.seat import sitting

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="children are read from /proc"),
]


def children(pid: int) -> list[int]:
    """Return every living process below one."""
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            if parent == pid:
                found += [int(folder.name), *children(int(folder.name))]
    return found


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.spec("P-30", "P-01")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_ended_while_the_engine_streams_leaves_no_child(tmp_path: Path, number: signal.Signals) -> None:
    models = tmp_path / "data" / "models"
    models.mkdir(parents=True)
    build_scripted(models / "scripted.gguf")
    more = {
        "PORTAL_CHAT_DEFAULT_MODEL": "engine/scripted",
        "PORTAL_MODELS_ENGINE_THREADS": "1",
        "PORTAL_CHAT_DEFAULT_MODE": "chat",
    }
    async with sitting(tmp_path, more=more) as seat:
        await seat.ready()
        await seat.say("ask", "a long one")
        await seat.until(lambda state: "tick tock" in "".join(state["texts"]), 45)
        below = children(seat.process.pid)
        assert below
        told = time.monotonic()
        seat.process.send_signal(number)
        report = await seat.left()
        assert report["code"] in {0, -number}
        assert time.monotonic() - told < 5
    while any(alive(pid) for pid in below):
        assert time.monotonic() - told < 5, f"left: {below}"
        time.sleep(0.02)
    assert report["code"] == (0 if number is signal.SIGTERM else -number)
