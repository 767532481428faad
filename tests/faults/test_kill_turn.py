"""A turn whose process is killed while the answer streams."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal_desktop.messages import Role, Status
from tests.servers.base import Received, Reply, Wait
from tests.servers.openai import STREAM, FakeOpenAI
from tests.streams import openai as sse
from tests.support.core import core
from tests.support.mortal import Mortals, acked

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="kill -9 and fork are of POSIX"),
]

PIECE = 40
KILLS = [(0.01, moment) for moment in (3, 30, 60, 110, 160)] + [(0.05, moment) for moment in (1, 4, 8, 14, 22)]


def whole(pieces: int) -> str:
    """The text so far: numbered, so that a gap or a repetition shows."""
    return "".join(f"{number:07d} " for number in range(pieces * PIECE // 8))


@pytest.fixture(scope="module")
def mortals() -> Iterator[Mortals]:
    with Mortals() as made:
        yield made


@pytest.mark.spec("X-50")
@pytest.mark.parametrize(("pause", "pieces"), KILLS)
async def test_kill_while_streaming_loses_at_most_1_s_or_4_kb_and_shows_interrupted(
    tmp_path: Path, mortals: Mortals, pause: float, pieces: int
) -> None:
    loop = asyncio.get_running_loop()
    sent: list[float] = []

    def paced(request: Received) -> Reply:
        class Told(Wait):
            """A pause that notes when the piece before it had gone out."""

            @property
            def seconds(self) -> float:  # type: ignore[override]
                sent.append(loop.time())
                return pause

            @seconds.setter
            def seconds(self, value: float) -> None: ...

        text = whole(2000)
        actions = []
        for start in range(0, len(text), PIECE):
            actions += [sse.say(text[start : start + PIECE]), Told(pause)]
        return Reply(actions, 200, STREAM)

    async with FakeOpenAI() as server:
        server.default = paced
        mortal = mortals.born("turn", tmp_path, server.base_url)
        async with asyncio.timeout(30):
            while len(sent) < pieces:
                await asyncio.sleep(0.002)
        killed = loop.time()
        seen = len(sent)
        mortal.kill()

    async with core(tmp_path) as here:
        ((question, answer),) = acked(tmp_path) or [(None, None)]
        assert await here.conversations.recover() == ([answer] if answer else [])
        (chat,) = await here.history.list()
        asked, said = await here.history.path(chat.id)
        assert (asked.id, asked.role, asked.message.text) == (question, Role.USER, "Count")
        assert said.status is Status.INTERRUPTED
        kept = said.message.text
        assert whole(2000).startswith(kept)
        second_before = sum(moment <= killed - 1.0 for moment in sent)
        assert len(kept) >= min(second_before * PIECE, seen * PIECE - 4096)
