"""Texts too long to be kept beside their deltas."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from portal_desktop.messages import (
    Finish,
    FinishReason,
    PartDelta,
    PartEnd,
    PartShut,
    PartStart,
    StreamEvent,
    Text,
    Thinking,
)
from portal_desktop.providers.completion import collect
from portal_desktop.providers.parts import KEPT, PartsBuilder

PIECE = "0123456789" * 100


def _long(builder: PartsBuilder) -> list[StreamEvent]:
    return [event for _ in range(KEPT // len(PIECE) + 2) for event in builder.text(PIECE)]


@pytest.mark.spec("R-10")
def test_long_text_is_shut_without_being_repeated() -> None:
    builder = PartsBuilder()
    events = _long(builder) + builder.finish()
    assert events[-1] == PartShut(0, "text")
    assert not any(isinstance(event, PartEnd) for event in events)


def test_long_thought_between_tags_is_shut_as_thinking() -> None:
    builder = PartsBuilder()
    events = builder.text("<think>") + _long(builder) + builder.text("</think>done") + builder.finish()
    assert PartShut(0, "thinking") in events
    assert events[-1] == PartEnd(1, Text("done"))


async def test_collect_of_a_shut_part_is_the_sum_of_its_deltas() -> None:
    async def stream() -> AsyncIterator[StreamEvent]:
        yield PartStart(0, "thinking")
        yield PartDelta(0, "\nwell, ")
        yield PartDelta(0, "yes")
        yield PartShut(0, "thinking")
        yield PartStart(1, "text")
        yield PartDelta(1, "a")
        yield PartDelta(1, "b")
        yield PartShut(1, "text")
        yield Finish(FinishReason.STOP, "m")

    whole = await collect(stream())
    assert whole.message.parts == (Thinking("well, yes"), Text("ab"))
