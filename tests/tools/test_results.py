"""What enters the history of a long result, and how the rest is read."""

from __future__ import annotations

import json
import re

import pytest

from portal_desktop.messages import JsonObject, ToolCall, ToolReturn
from portal_desktop.storage.database import Database
from portal_desktop.storage.results import ResultRows
from portal_desktop.tools.base import Tool, ToolContext
from portal_desktop.tools.registry import ToolRegistry
from portal_desktop.tools.results import MOST_CHARACTERS, capped, compact, object_schema, room_for
from tests.support.clock import FakeClock
from tests.tools.conftest import Ask

FIVE_MEGABYTES = "".join(f"line {number:07}\n" for number in range(400_000))


def printing(text: object) -> Tool:
    async def run(_arguments: JsonObject, _context: ToolContext) -> object:
        return text

    return Tool("printer", "Print something long.", object_schema({}), run, title="Print")


async def printed(registry: ToolRegistry, context: ToolContext) -> ToolReturn:
    return await registry.execute(ToolCall("c", "printer", {}), context)


@pytest.mark.spec("X-35")
async def test_results_of_five_megabytes_are_cut_and_the_range_tool_returns_the_rest(
    registry: ToolRegistry, results: ResultRows, ask: Ask
) -> None:
    assert len(FIVE_MEGABYTES) > 5_000_000
    registry.register(printing(FIVE_MEGABYTES))
    result = await printed(registry, ToolContext())
    assert result.ok
    assert len(result.content) <= MOST_CHARACTERS
    head, _, note = result.content.rpartition("\n[Cut: ")
    assert FIVE_MEGABYTES.startswith(head)
    assert f"the first {len(head)} of {len(FIVE_MEGABYTES)} characters" in note
    assert result.whole in note
    assert await results.size(result.whole) == len(FIVE_MEGABYTES)
    pieces, offset = [head], len(head)
    for _ in range(3):
        piece, _ = await ask("read_result", result_id=result.whole, offset=offset)
        assert len(piece.content) <= MOST_CHARACTERS
        text, _, tail = piece.content.rpartition("\n[Characters ")
        pieces.append(text)
        found = re.search(r"go on with offset (\d+)", tail)
        assert found is not None
        offset = int(found[1])
    assert "".join(pieces) == FIVE_MEGABYTES[:offset]
    last, _ = await ask("read_result", result_id=result.whole, offset=len(FIVE_MEGABYTES) - 10)
    assert last.content.startswith(FIVE_MEGABYTES[-10:])
    assert "the end" in last.content


@pytest.mark.spec("X-35")
async def test_results_take_at_most_a_quarter_of_the_free_context(registry: ToolRegistry, ask: Ask) -> None:
    registry.register(printing(FIVE_MEGABYTES))
    context = ToolContext(free_characters=8_000)
    result = await printed(registry, context)
    assert len(result.content) <= 2_000
    assert result.whole
    piece, _ = await ask("read_result", context, result_id=result.whole, offset=0, length=16_000)
    assert len(piece.content) <= 2_000
    assert piece.whole == ""


@pytest.mark.spec("X-35")
@pytest.mark.parametrize(
    ("free", "room"), [(None, 16_000), (1_000_000, 16_000), (64_000, 16_000), (8_000, 2_000), (100, 400), (0, 400)]
)
def test_results_room_is_the_smaller_of_both_limits(free: int | None, room: int) -> None:
    assert room_for(ToolContext(free_characters=free)) == room


@pytest.mark.spec("X-35")
async def test_results_up_to_the_limit_are_whole_and_not_kept(results: ResultRows) -> None:
    text = "x" * MOST_CHARACTERS
    assert await capped(text, ToolContext(), results) == (text, "")


@pytest.mark.spec("X-35")
def test_results_bytes_become_a_reference() -> None:
    answer = compact({"image": b"\x89PNG" * 1000, "tags": {"b", "a"}, "text": "ü"})
    assert json.loads(answer) == {
        "image": "[binary content, 4000 bytes, not shown]",
        "tags": ["a", "b"],
        "text": "ü",
    }
    assert "ü" in answer


async def test_results_without_a_store_say_that_the_rest_is_gone(clock: FakeClock) -> None:
    registry = ToolRegistry(clock)
    registry.register(printing("y" * 20_000))
    result = await printed(registry, ToolContext())
    assert len(result.content) <= MOST_CHARACTERS
    assert result.content.endswith("of 20000 characters; the rest was not kept.]")
    assert result.whole == ""


@pytest.mark.expects_log("the result of printer was not kept: storage_failed")
async def test_results_that_cannot_be_kept_are_still_cut(registry: ToolRegistry, database: Database) -> None:
    registry.register(printing("y" * 20_000))
    await database.close()
    result = await printed(registry, ToolContext())
    assert result.ok
    assert result.content.endswith("the rest was not kept.]")


async def test_results_of_an_unknown_id_are_not_found(ask: Ask) -> None:
    _, answer = await ask("read_result", result_id="0" * 32)
    assert answer["error"] == "RESULT_NOT_FOUND"


async def test_results_behind_the_end_say_so(registry: ToolRegistry, ask: Ask) -> None:
    registry.register(printing("z" * 17_000))
    result = await printed(registry, ToolContext())
    piece, _ = await ask("read_result", result_id=result.whole, offset=17_000)
    assert piece.content == "[Nothing at offset 17000: the result has 17000 characters.]"


@pytest.mark.spec("S-32")
async def test_results_range_tool_given_malformed_arguments_reads_nothing(ask: Ask) -> None:
    wrong: list[dict[str, object]] = [
        {},
        *({"result_id": value} for value in (None, [], {}, True, "", "x" * 65, ["a"], "missing", " ", "../etc/passwd")),
        *({"result_id": "a", "offset": value} for value in (-1, 0.5, "x", [], {}, True, "1.5", "-1", "")),
        *({"result_id": "a", "length": value} for value in (0, -1, 0.5, "x", [], {}, False, "0", "all")),
        {"id": "a"},
        {"result_id": "a", "user_id": "b"},
    ]
    assert len(wrong) >= 30
    for arguments in wrong:
        result, answer = await ask("read_result", **arguments)
        assert not result.ok, arguments
        assert answer["error"] in {"VALIDATION_ERROR", "RESULT_NOT_FOUND"}
