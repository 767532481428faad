"""What one turn costs besides the model: stored message, context, request, events, stored answer."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import httpx

from portal_desktop.assembly import Core
from portal_desktop.messages import PartDelta, Source
from portal_desktop.paths import Paths
from portal_desktop.settings import Environment, declared
from tests.benchmarks.flood import flood

TURNS = 20
LIMIT_SECONDS = 0.05
"""The most that Portal may add before the first token is shown (X-90)."""


async def _bare(address: str) -> float:
    async with httpx.AsyncClient(verify=False, trust_env=False) as client:
        start = time.perf_counter()
        async with client.stream("POST", f"{address}/v1/chat/completions", json={}) as response:
            async for _ in response.aiter_lines():
                return time.perf_counter() - start
    raise AssertionError


async def _ours(core: Core) -> float:
    start = time.perf_counter()
    turn = await core.live.send(None, "hello", source=Source.CLI, model="bench/m")
    first = 0.0
    async for event in turn.events():
        if isinstance(event, PartDelta) and not first:
            first = time.perf_counter() - start
    assert first
    return first


async def turn_overhead() -> float:
    """Median seconds from sending to the first token, less a bare request's, against 50 ms."""
    with tempfile.TemporaryDirectory() as home, flood(5, 8) as address:
        core = Core(Paths.below(Path(home)), Environment({}), program="bench", ports=())
        await core.start()
        entry = {"id": "bench", "kind": "openai", "name": "bench", "base_url": f"{address}/v1"}
        await core.settings.set(declared.ENDPOINTS, [entry])
        await _ours(core)
        pairs = [(await _ours(core), await _bare(address)) for _ in range(TURNS)]
        await core.stop()
    ours, bare = zip(*pairs, strict=True)
    return (statistics.median(ours) - statistics.median(bare)) / LIMIT_SECONDS
