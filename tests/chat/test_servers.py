"""Turns over real connections: fake servers of both dialects, the real tools, a real database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from portal_desktop.agent.approval import ApprovalRequest, Decision
from portal_desktop.messages import Failure, Mode, Note, Phase, Source, Status, ToolReturn
from portal_desktop.settings import declared
from portal_desktop.storage.conversations import StoredMessage
from portal_desktop.tasks import TaskDraft, TaskQuery
from tests.chat.conftest import Desk
from tests.servers.base import Hold, Wait
from tests.support.dialects import Turn, pairs, said, schemas

MILK = ("add_task", {"title": "Buy milk"})


async def ask(desk: Desk, text: str, chat: int | None = None, *, allow: bool | None = None) -> StoredMessage:
    async def answer(request: ApprovalRequest) -> Decision:
        return Decision.ALLOW if allow else Decision.DENY

    more = {} if allow is None else {"approve": answer}
    turn = await desk.here.live.send(chat, text, source=Source.WINDOW, mode=Mode.ACT, **more)
    await turn.wait()
    return (await desk.here.history.path(turn.conversation_id))[-1]


async def tasks(desk: Desk) -> list[tuple[str, str]]:
    page = await desk.book.list(TaskQuery(order="title"))
    return [(task.title, "done" if task.completed else "open") for task in page.tasks]


@pytest.mark.spec("P-20")
async def test_three_tools_in_sequence_request_four_holds_all_pairs_and_the_question(desk: Desk) -> None:
    desk.bench.script(
        Turn(calls=(MILK,)),
        Turn("Let me look.", calls=(("list_tasks", {}),)),
        Turn(calls=(("complete_task", {"task_id": "Buy milk"}),)),
        Turn("All done."),
    )
    stored = await ask(desk, "Buy milk, and tick it off")
    assert await tasks(desk) == [("Buy milk", "done")]
    body = desk.bench.bodies[3]
    calls = [call for kind, call in pairs(body) if kind == "call"]
    assert len(set(calls)) == 3
    assert pairs(body) == [(kind, call) for call in calls for kind in ("call", "return")]
    assert [role for role, _ in said(body)] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "tool",
        "assistant",
        "tool",
    ]
    assert said(body)[1] == ("user", "Buy milk, and tick it off")
    assert stored.message.text == "Let me look.All done."


@pytest.mark.spec("P-20")
async def test_round_limit_last_body_has_no_tools_and_the_answer_a_note(desk: Desk) -> None:
    rounds = [Turn(calls=(("calculate", {"expression": f"1+{n}"}),)) for n in range(8)]
    desk.bench.script(*rounds, Turn("Enough."))
    stored = await ask(desk, "Count")
    assert [bool(body.get("tools")) for body in desk.bench.bodies] == [True] * 8 + [False]
    assert stored.message.text == "Enough."
    assert [part.text for part in stored.parts if isinstance(part, Note)] == ["Stopped calling tools after 8 rounds."]
    assert stored.status is Status.COMPLETE


@pytest.mark.spec("P-21")
async def test_body_names_every_enabled_tool_and_none_of_the_disabled(desk: Desk) -> None:
    desk.registry.enable("delete_task", enabled=False)
    await desk.here.settings.attach(_Nothing())
    await desk.here.settings.set(declared.SYSTEM_PROMPT, "Call me Ada.")
    desk.bench.script(Turn("One."), Turn("Two."))
    first = await ask(desk, "First question")
    await ask(desk, "Newest question", first.conversation_id)
    body = desk.bench.bodies[1]
    offered = schemas(body)
    assert list(offered) == [tool.name for tool in desk.registry.tools()]
    assert "delete_task" not in offered
    assert len(offered) >= 6
    for tool in desk.registry.tools():
        description, schema = offered[tool.name]
        assert description == tool.description
        assert schema["type"] == "object"
        assert set(schema.get("properties", {})) == set(tool.parameters["properties"])
    system = said(body)[0]
    assert system[0] == "system"
    assert "Call me Ada." in system[1]
    assert "`add_task`" in system[1]
    assert "delete_task" not in system[1]
    assert said(body)[1:] == [("user", "First question"), ("assistant", "One."), ("user", "Newest question")]


@pytest.mark.spec("T-13")
@pytest.mark.parametrize(
    ("phrase", "tool", "left"),
    [
        ("get rid of", "delete_task", []),
        ("mark as done", "complete_task", [("Old shoes", "done")]),
        ("postpone", "update_task", [("Old shoes", "open")]),
        ("show my tasks", "list_tasks", [("Old shoes", "open")]),
    ],
)
async def test_phrases_of_the_prompt_lead_a_model_to_the_right_tool(
    desk: Desk, phrase: str, tool: str, left: list[tuple[str, str]]
) -> None:
    await desk.book.add(TaskDraft("Old shoes"))
    arguments: dict[str, dict[str, Any]] = {"list_tasks": {}, "update_task": {"due_date": "tomorrow"}}

    def obedient(body: dict[str, Any]) -> Turn:
        """Call the tool on whose line of the prompt the phrase stands, as a model that reads would."""
        lines = [line for line in said(body)[0][1].splitlines() if line.startswith("- `") and phrase in line]
        (name,) = {line.split("`")[1] for line in lines}
        given = arguments.get(name, {})
        return Turn(calls=((name, given if name == "list_tasks" else {"task_id": "Old shoes", **given}),))

    desk.bench.script(obedient, Turn("Done."))
    stored = await ask(desk, f"{phrase}: old shoes")
    assert [part.name for part in stored.parts if isinstance(part, ToolReturn) and part.ok] == [tool]
    assert await tasks(desk) == left


@dataclass(frozen=True)
class Case:
    """A turn with tools: what the model says, and what must have come of it."""

    name: str
    script: tuple[Turn, ...]
    ok: tuple[bool, ...]
    tasks: tuple[tuple[str, str], ...] = (("Old shoes", "open"),)
    text: str = "Done."
    status: Status = Status.COMPLETE
    told: str = ""
    allow: bool | None = None


END = Turn("Done.")
DELETE_TWO = (
    Turn(calls=(MILK,)),
    Turn(calls=(("delete_task", {"task_id": "Buy milk"}), ("delete_task", {"task_id": "Old shoes"}))),
    END,
)
BOTH = (("Buy milk", "open"), ("Old shoes", "open"))
CASES = (
    Case("add", (Turn(calls=(MILK,)), END), (True,), BOTH),
    Case("add_after_text", (Turn("I add it. ", calls=(MILK,)), END), (True,), BOTH, "I add it. Done."),
    Case("add_after_thinking", (Turn(thinking="Milk it is.", calls=(MILK,)), END), (True,), BOTH),
    Case(
        "add_two",
        (Turn(calls=(MILK, ("add_task", {"title": "Call Eva"}))), END),
        (True, True),
        (BOTH[0], ("Call Eva", "open"), BOTH[1]),
    ),
    Case("complete", (Turn(calls=(("complete_task", {"task_id": 1}),)), END), (True,), (("Old shoes", "done"),)),
    Case(
        "complete_by_title",
        (Turn(calls=(("complete_task", {"task_id": "old shoes"}),)), END),
        (True,),
        (("Old shoes", "done"),),
    ),
    Case("complete_unknown", (Turn(calls=(("complete_task", {"task_id": 99}),)), END), (False,), told="TASK_NOT_FOUND"),
    Case("delete", (Turn(calls=(("delete_task", {"task_id": 1}),)), END), (True,), ()),
    Case("delete_two_denied", DELETE_TWO, (True, True, False), told="did not allow", allow=False),
    Case("delete_two_allowed", DELETE_TWO, (True, True, True), (), allow=True),
    Case("delete_two_unattended", DELETE_TWO, (True, True, False), told="did not allow"),
    Case(
        "update",
        (Turn(calls=(("update_task", {"task_id": 1, "title": "New shoes"}),)), END),
        (True,),
        (("New shoes", "open"),),
    ),
    Case("update_nothing", (Turn(calls=(("update_task", {"task_id": 1}),)), END), (False,), told="VALIDATION_ERROR"),
    Case("list", (Turn(calls=(("list_tasks", {}),)), END), (True,), told="Old shoes"),
    Case(
        "list_bad_filter", (Turn(calls=(("list_tasks", {"status": "gone"}),)), END), (False,), told="VALIDATION_ERROR"
    ),
    Case(
        "missing_title_then_right",
        (Turn(calls=(("add_task", {}),)), Turn(calls=(MILK,)), END),
        (False, True),
        BOTH,
        told="title",
    ),
    Case("number_as_text_is_repaired", (Turn(calls=(("list_tasks", {"limit": "5"}),)), END), (True,)),
    Case("unknown_tool", (Turn(calls=(("fly", {}),)), END), (False,), told="There is no tool 'fly'"),
    Case("name_in_other_case", (Turn(calls=(("Add_Task", MILK[1]),)), END), (True,), BOTH),
    Case("name_with_prefix", (Turn(calls=(("functions.add_task", MILK[1]),)), END), (True,), BOTH),
    Case("calculate", (Turn(calls=(("calculate", {"expression": "6*7"}),)), END), (True,), told="42"),
    Case("time", (Turn(calls=(("current_time", {}),)), END), (True,), told="20"),
    Case("silent_after_tool", (Turn(calls=(MILK,)), Turn()), (True,), BOTH, ""),
    Case("refused_after_tool", (Turn(calls=(MILK,)), Turn(status=500)), (True,), BOTH, "", Status.INTERRUPTED),
    Case("cut_after_tool", (Turn(calls=(MILK,)), Turn("Do", cut=True)), (True,), BOTH, "Do", Status.INTERRUPTED),
)


@pytest.mark.spec("T-25", "T-27")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_turn_with_tools_over_a_real_connection_has_its_effect(desk: Desk, case: Case) -> None:
    await desk.book.add(TaskDraft("Old shoes"))
    desk.bench.script(*case.script)
    stored = await ask(desk, "Please do it", allow=case.allow)
    returns = [part for part in stored.parts if isinstance(part, ToolReturn)]
    assert tuple(part.ok for part in returns) == case.ok
    assert await tasks(desk) == list(case.tasks)
    assert stored.message.text == case.text
    assert stored.status is case.status
    assert case.told in "".join(part.content for part in returns)
    last = desk.bench.bodies[-1]
    assert pairs(last) == [pair for pair in pairs(last) if pair[1]]
    assert [part.content for part in returns] == [text for role, text in said(last) if role == "tool"]


@pytest.mark.spec("T-16")
@pytest.mark.parametrize(
    ("turn", "status"),
    [
        (Turn(status=401, error="canary-words sk-proj-abcdefghijklmnop1234"), Status.ERROR),
        (Turn(status=500, error="canary-words sk-proj-abcdefghijklmnop1234"), Status.ERROR),
        (Turn("Well", error="canary-words sk-proj-abcdefghijklmnop1234"), Status.INTERRUPTED),
    ],
)
async def test_error_of_a_server_is_never_in_title_or_advice_and_masked_in_details(
    desk: Desk, turn: Turn, status: Status
) -> None:
    desk.bench.script(turn)
    stored = await ask(desk, "Hello")
    failure = stored.parts[-1]
    assert isinstance(failure, Failure)
    assert stored.status is status
    assert "canary" not in failure.title + failure.advice
    assert "sk-proj" not in failure.title + failure.advice + failure.details
    assert "canary-words" in failure.details
    assert len(failure.details) <= 200


@pytest.mark.spec("X-33")
@pytest.mark.parametrize("begun", [False, True])
async def test_stop_closes_the_connection_and_the_next_message_works(desk: Desk, begun: bool) -> None:
    loop = asyncio.get_running_loop()
    desk.bench.script(Turn("So far" if begun else "", gap=(Hold(asyncio.Event()),)), Turn("Next."))
    turn = await desk.here.live.send(None, "Hello", source=Source.WINDOW)
    await _until(lambda: bool(turn.parts) if begun else bool(desk.bench.bodies))
    started = loop.time()
    stopping = asyncio.create_task(turn.stop())
    await _until(lambda: turn.phase.phase is Phase.STOPPED)
    assert loop.time() - started < 0.2
    await stopping
    request = desk.bench.server.requests[-1]
    await asyncio.wait_for(request.gone.wait(), 1)
    stored = (await desk.here.history.path(turn.conversation_id))[-1]
    assert (stored.status, stored.message.text) == (Status.STOPPED, "So far"[: 6 if begun else 0])
    assert (await ask(desk, "Again", turn.conversation_id)).message.text == "Next."


@pytest.mark.spec("X-34")
async def test_server_that_repeats_one_call_for_ever_is_ended_after_three(desk: Desk) -> None:
    again = Turn(calls=(("calculate", {"expression": "1+1"}),))
    desk.bench.script(again, again, again, Turn("Two."))
    stored = await ask(desk, "Add")
    assert [part.text for part in stored.parts if isinstance(part, Note)] == [
        "Stopped calling tools: the same call gave the same result 3 times in a row."
    ]
    assert not desk.bench.bodies[-1].get("tools")


@pytest.mark.spec("X-50")
async def test_continue_over_a_connection_has_no_overlap(desk: Desk) -> None:
    desk.bench.script(Turn("The quick brown fox ju", cut=True), Turn("brown fox jumps over."))
    first = await ask(desk, "Tell")
    assert first.status is Status.INTERRUPTED
    turn = await desk.here.live.continue_answer(first.id)
    await turn.wait()
    path = await desk.here.history.path(turn.conversation_id)
    assert [message.message.text for message in path] == ["Tell", "The quick brown fox jumps over."]
    assert said(desk.bench.bodies[1])[-2] == ("assistant", "The quick brown fox ju")


async def test_events_arrive_while_the_server_still_writes(desk: Desk) -> None:
    desk.bench.script(Turn("Early", gap=(Wait(0.2),), calls=()))
    turn = await desk.here.live.send(None, "Hello", source=Source.WINDOW)
    await _until(lambda: "Early" in "".join(part.text for part in turn.parts if part.kind == "text"))
    assert turn.finished is None
    await turn.wait()


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.005)


class _Nothing:
    """A store of settings that forgets at the end of the test."""

    def __init__(self) -> None:
        self._values: dict[str, object] = {}

    async def load(self) -> dict[str, object]:
        return dict(self._values)

    async def save(self, setting_id: str, value: object | None) -> None:
        self._values[setting_id] = value
