"""The program as its own engine, the way a packaged one is started."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from portal_desktop import desktop
from portal_desktop.providers.engine.launch import ENGINE_FLAG, KEY_VARIABLE, EngineConfig, read_ready
from tests.models.scripted import build_scripted

pytestmark = pytest.mark.integration


@pytest.mark.spec("X-26")
async def test_program_with_the_engine_flag_is_an_engine_without_qt(tmp_path: Path) -> None:
    assert desktop.ENGINE_FLAG == ENGINE_FLAG
    model = build_scripted(tmp_path / "scripted.gguf")
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "portal_desktop",
        ENGINE_FLAG,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, KEY_VARIABLE: "test-key"},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(EngineConfig(str(model), threads=1, context=512).to_line())
    async with asyncio.timeout(20):
        while (address := read_ready(await child.stdout.readline())) is None:
            assert not child.stdout.at_eof()
    assert address.startswith("http://127.0.0.1:")
    mapped = Path(f"/proc/{child.pid}/maps")
    assert not mapped.exists() or "libQt6Widgets" not in mapped.read_text()
    child.stdin.close()
    async with asyncio.timeout(5):
        assert await child.wait() == 0
