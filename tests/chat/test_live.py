"""Turns in the core, on a real database."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from portal_desktop.agent.answer import Answer
from portal_desktop.agent.approval import ApprovalRequest, Decision
from portal_desktop.errors import InvalidInput, ProviderError, SettingsError
from portal_desktop.events import (
    AnswerFinished,
    ApprovalAnswered,
    ApprovalAsked,
    ContextFolded,
    MessageAdded,
    RequestFinished,
    RouteChosen,
    ToolRan,
    TurnStarted,
)
from portal_desktop.messages import (
    Failure,
    Mode,
    Note,
    PartDelta,
    Phase,
    PhaseChanged,
    Role,
    Source,
    Status,
    Text,
    ToolCall,
    ToolReturn,
    TurnEvent,
    TurnFinished,
    Usage,
)
from portal_desktop.providers.base import Endpoint, ModelFacts, ProviderKind
from portal_desktop.providers.scripted import Call, Count, Fail, Hold, Say, ScriptedProvider, Think
from tests.support.core import MODEL, Core, core
from tests.support.toolbox import Toolbox, risky, tool


async def ask(here: Core, text: str = "Hello", chat: int | None = None, **more: Any) -> Any:
    turn = await here.live.send(chat, text, source=more.pop("source", Source.WINDOW), **more)
    await turn.wait()
    return turn


async def test_send_without_chat_makes_one_with_a_title_and_both_rows(tmp_path: Path) -> None:
    provider = ScriptedProvider(script=[[Say("Hi."), Count(Usage(5, 2))]])
    async with core(tmp_path, provider) as here:
        turn = await ask(here, "# Please help\nwith this")
        chat = await here.history.get(turn.conversation_id)
        question, answer = await here.history.path(chat.id)
        assert chat.title == "Please help"
        assert (question.role, question.parts) == (Role.USER, (Text("# Please help\nwith this"),))
        assert question.source is Source.WINDOW
        assert (answer.parts, answer.status, answer.model) == ((Text("Hi."),), Status.COMPLETE, MODEL)
        assert answer.usage == Usage(5, 2)
        assert answer.first_token_seconds is not None
        assert answer.seconds is not None
        assert answer.seconds >= answer.first_token_seconds
        assert here.live.turn(chat.id) is None
        await asyncio.sleep(0.01)
        told = [type(event) for event in here.events]
        assert told.count(MessageAdded) == 2
        assert told.index(MessageAdded) < told.index(TurnStarted) < told.index(AnswerFinished)


async def test_send_question_and_empty_answer_are_stored_before_the_request(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with core(tmp_path, ScriptedProvider(script=[[Hold(gate), Say("x")]])) as here:
        turn = await here.live.send(None, "Hello", source=Source.CLI)
        question, answer = await here.history.path(turn.conversation_id)
        assert question.message.text == "Hello"
        assert (answer.parts, answer.status) == ((), Status.STREAMING)
        gate.set()
        await turn.wait()


async def test_send_second_message_sends_the_shown_path(tmp_path: Path) -> None:
    provider = ScriptedProvider(script=[[Say("one")], [Say("two")]])
    async with core(tmp_path, provider) as here:
        turn = await ask(here, "first")
        await ask(here, "second", turn.conversation_id)
        sent = [(message.role, message.text) for message in provider.requests[1].messages[1:]]
        assert sent == [(Role.USER, "first"), (Role.ASSISTANT, "one"), (Role.USER, "second")]


@pytest.mark.parametrize(("text", "name"), [("  \n", "no_messages"), ("x" * 10_001, "text_too_long")])
async def test_send_unusable_text_is_refused_and_nothing_stored(tmp_path: Path, text: str, name: str) -> None:
    async with core(tmp_path) as here:
        with pytest.raises(InvalidInput) as caught:
            await here.live.send(None, text, source=Source.WINDOW)
        assert caught.value.name == name
        assert await here.history.list() == []


async def test_send_without_any_model_is_refused_and_nothing_stored(tmp_path: Path) -> None:
    async with core(tmp_path, variables={"PORTAL_CHAT_DEFAULT_MODEL": ""}) as here:
        with pytest.raises(InvalidInput) as caught:
            await here.live.send(None, "Hello", source=Source.WINDOW)
        assert caught.value.name == "no_model"
        assert await here.history.list() == []


async def test_send_while_answering_is_busy_also_when_both_come_at_once(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with core(tmp_path, ScriptedProvider(script=[[Say("a")], [Hold(gate), Say("b")]])) as here:
        chat = (await ask(here)).conversation_id
        results = await asyncio.gather(
            *(here.live.send(chat, str(n), source=Source.WINDOW) for n in range(3)), return_exceptions=True
        )
        refused = [result for result in results if isinstance(result, InvalidInput)]
        assert [error.name for error in refused] == ["busy", "busy"]
        with pytest.raises(InvalidInput, match="still answering"):
            await here.live.send(chat, "x", source=Source.WINDOW)
        assert len(await here.history.path(chat)) == 4
        gate.set()
        await here.live.running()[0].wait()


async def test_regenerate_makes_a_sibling_and_sends_the_same_path(tmp_path: Path) -> None:
    provider = ScriptedProvider(script=[[Say("one")], [Say("two")]])
    async with core(tmp_path, provider) as here:
        first = await ask(here)
        second = await here.live.regenerate(first.answer_id)
        await second.wait()
        path = await here.history.path(first.conversation_id)
        assert [message.message.text for message in path] == ["Hello", "two"]
        assert path[1].siblings == (first.answer_id, second.answer_id)
        assert provider.requests[0].messages == provider.requests[1].messages


async def test_retry_after_error_never_stores_the_question_twice(tmp_path: Path) -> None:
    error = ProviderError("server_unreachable", server="S", address="127.0.0.1:1")
    async with core(tmp_path, ScriptedProvider(script=[[Fail(error)], [Say("now")]])) as here:
        turn = await ask(here)
        (_, failed) = await here.history.path(turn.conversation_id)
        assert failed.status is Status.ERROR
        assert isinstance(failed.parts[0], Failure)
        await (await here.live.regenerate(turn.answer_id)).wait()
        assert [message.message.text for message in await here.history.path(turn.conversation_id)] == ["Hello", "now"]


async def test_edit_makes_a_sibling_of_the_question_also_of_the_first(tmp_path: Path) -> None:
    provider = ScriptedProvider(script=[[Say("one")], [Say("two")]])
    async with core(tmp_path, provider) as here:
        first = await ask(here, "old words")
        second = await here.live.edit(first.user_message_id, "new words", source=Source.WINDOW)
        await second.wait()
        path = await here.history.path(first.conversation_id)
        assert [message.message.text for message in path] == ["new words", "two"]
        assert path[0].siblings == (first.user_message_id, second.user_message_id)
        assert [message.text for message in provider.requests[1].messages[1:]] == ["new words"]


@pytest.mark.spec("X-50")
async def test_continue_appends_in_the_same_row_without_the_overlap(tmp_path: Path) -> None:
    error = ProviderError("connection_lost", server="S")
    provider = ScriptedProvider(script=[[Say("The quick brown f"), Fail(error)], [Say("brown fox jumps.", size=3)]])
    async with core(tmp_path, provider) as here:
        first = await ask(here)
        stored = (await here.history.path(first.conversation_id))[1]
        assert stored.status is Status.INTERRUPTED
        second = await here.live.continue_answer(first.answer_id)
        assert (await here.history.path(first.conversation_id))[1].status is Status.STREAMING
        answer = Answer()
        async for event in second.events():
            answer.apply(event)
        path = await here.history.path(first.conversation_id)
        assert answer.parts() == path[1].parts == (Text("The quick brown fox jumps."),)
        assert path[1].status is Status.COMPLETE
        assert len(path) == 2
        assert provider.requests[1].messages[-2].text == "The quick brown f"
        assert "exactly where it stopped" in provider.requests[1].messages[-1].text


async def test_events_late_reader_gets_a_replay_then_the_rest(tmp_path: Path) -> None:
    gate = asyncio.Event()
    script = [[Think("hm"), Say("Hello ", size=1), Hold(gate), Say("world", size=1)]]
    async with core(tmp_path, ScriptedProvider(script=script)) as here:
        turn = await here.live.send(None, "Hi", source=Source.WINDOW)

        async def read(late: bool) -> tuple[list[TurnEvent], Answer]:
            while late and len(turn.parts) < 2:
                await asyncio.sleep(0.005)
            answer, events = Answer(), []
            async for event in turn.events():
                answer.apply(event)
                events.append(event)
            return events, answer

        readers = [asyncio.create_task(read(False)), asyncio.create_task(read(True))]
        await asyncio.sleep(0.1)
        gate.set()
        (early, one), (late, two) = await asyncio.gather(*readers)
        after, three = await read(False)
        assert one.parts() == two.parts() == three.parts() == turn.parts
        assert isinstance(early[-1], TurnFinished)
        assert len(after) < len(late) <= len(early)
        assert not [event for event in after if isinstance(event, PartDelta)]


async def test_events_reader_that_leaves_changes_nothing(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with core(tmp_path, ScriptedProvider(script=[[Hold(gate), Say("done")]])) as here:
        turn = await here.live.send(None, "Hi", source=Source.WINDOW)
        events: Any = turn.events()
        assert isinstance(await anext(events), PhaseChanged)
        await events.aclose()
        gate.set()
        assert (await turn.wait()).status is Status.COMPLETE


async def test_events_slow_reader_gets_longer_pieces_not_more(tmp_path: Path) -> None:
    text = "word " * 4000
    async with core(tmp_path, ScriptedProvider(script=[[Say(text, size=5)]])) as here:
        turn = await here.live.send(None, "Hi", source=Source.WINDOW)
        events: Any = turn.events()
        await anext(events)
        await turn.wait()
        deltas = [event async for event in events if isinstance(event, PartDelta)]
        assert "".join(delta.text for delta in deltas) == text
        assert len(deltas) <= 8


@pytest.mark.spec("X-33")
async def test_stop_keeps_the_text_and_the_next_message_works_at_once(tmp_path: Path) -> None:
    provider = ScriptedProvider(script=[[Say("so far"), Hold(asyncio.Event())], [Say("next")]])
    async with core(tmp_path, provider) as here:
        turn = await here.live.send(None, "Hi", source=Source.WINDOW)
        async for event in turn.events():
            if isinstance(event, PartDelta):
                await here.live.stop(turn.conversation_id)
        assert provider.closed_streams == 1
        stored = (await here.history.path(turn.conversation_id))[1]
        assert (stored.parts, stored.status) == ((Text("so far"),), Status.STOPPED)
        await ask(here, "go on", turn.conversation_id)
        assert (await here.history.path(turn.conversation_id))[3].message.text == "next"


async def test_stop_right_after_send_ends_the_turn(tmp_path: Path) -> None:
    provider = ScriptedProvider(script=[[Say("never")]])
    async with core(tmp_path, provider) as here:
        turn = await here.live.send(None, "Hi", source=Source.WINDOW)
        await turn.stop()
        assert turn.finished is not None
        assert turn.finished.status is Status.STOPPED
        assert turn.phase.phase is Phase.STOPPED
        assert (await here.history.path(turn.conversation_id))[1].status is Status.STOPPED


async def test_close_stops_every_turn_and_keeps_what_arrived(tmp_path: Path) -> None:
    script = [[Say(f"part {n}"), Hold(asyncio.Event())] for n in range(3)]
    async with core(tmp_path, ScriptedProvider(script=script)) as here:
        turns = [await here.live.send(None, "Hi", source=Source.WINDOW) for _ in range(3)]
        while not all(turn.parts for turn in turns):
            await asyncio.sleep(0.005)
        await asyncio.wait_for(here.live.close(), 5)
        texts = [(await here.history.path(turn.conversation_id))[1] for turn in turns]
        assert sorted(answer.message.text for answer in texts) == ["part 0", "part 1", "part 2"]
        assert {answer.status for answer in texts} == {Status.STOPPED}


@pytest.mark.spec("P-02")
async def test_turn_rows_same_question_by_three_ways_differ_in_source_only(tmp_path: Path) -> None:
    provider = ScriptedProvider(script=[[Call("look")], [Say("seen")]] * 3)
    async with core(tmp_path, provider, tools=Toolbox(tool("look"))) as here:
        for source in (Source.WINDOW, Source.CLI, Source.API):
            turn = await ask(here, source=source, mode=Mode.ACT)
            result = turn.result
            assert result is not None
            assert (result.response, result.success, result.tools) == ("seen", True, ("look",))
            assert result.trace_id
        rows = await here.turns.newest()
        assert [row.source for row in reversed(rows)] == [Source.WINDOW, Source.CLI, Source.API]
        steps = [[step["step"] for step in row.steps] for row in rows]
        assert steps[0] == steps[1] == steps[2]
        assert steps[0] == [
            "stored",
            "facts",
            "context",
            "connecting Scripted",
            "writing",
            "tool Look",
            "connecting Scripted",
            "writing",
            "complete",
        ]
        assert all(row.status is Status.COMPLETE and row.seconds is not None for row in rows)
        for row in rows:
            assert sum(step["seconds"] for step in row.steps) == pytest.approx(row.seconds, rel=0.05, abs=0.02)


async def test_tools_and_questions_are_told_on_the_bus(tmp_path: Path) -> None:
    async def yes(request: ApprovalRequest) -> Decision:
        return Decision.ALLOW

    provider = ScriptedProvider(script=[[Call("run", id="c")], [Say("ok")]])
    async with core(tmp_path, provider, tools=Toolbox(risky("run"))) as here:
        turn = await ask(here, mode=Mode.ACT, approve=yes)
        await asyncio.sleep(0.01)
        chat = turn.conversation_id
        told = [event for event in here.events if isinstance(event, ApprovalAsked | ApprovalAnswered | ToolRan)]
        assert [type(event) for event in told] == [ApprovalAsked, ApprovalAnswered, ToolRan]
        assert {(event.conversation_id, event.call_id) for event in told} == {(chat, "c")}
        stored = (await here.history.path(chat))[1]
        assert [part.kind for part in stored.parts] == ["tool_call", "tool_return", "text"]


@pytest.mark.spec("T-18")
async def test_tool_calls_of_earlier_turns_are_in_what_the_model_sees(tmp_path: Path) -> None:
    provider = ScriptedProvider(script=[[Call("look", id="c")], [Say("seen")], [Say("again")]])
    async with core(tmp_path, provider, tools=Toolbox(tool("look", "a tree"))) as here:
        turn = await ask(here, mode=Mode.ACT)
        await ask(here, "And?", turn.conversation_id)
        parts = provider.requests[2].messages[2].parts
        call, back, text = parts
        assert (call, text) == (ToolCall("c", "look", {}), Text("seen"))
        assert isinstance(back, ToolReturn)
        assert (back.call_id, back.content) == ("c", "a tree")


LEVELS = ("message", "conversation", "persona", "environment")


@pytest.mark.spec("R-30")
@pytest.mark.parametrize("given", [levels for size in (1, 2, 3, 4) for levels in combinations(LEVELS, size)])
async def test_cascade_narrowest_level_chooses_the_model_and_says_why(tmp_path: Path, given: tuple[str, ...]) -> None:
    providers = {
        level: ScriptedProvider(
            Endpoint(level, ProviderKind.SCRIPTED, level, ""), [[Say(level)]] if level == given[0] else []
        )
        for level in LEVELS
    }
    variables = {
        "PORTAL_CHAT_DEFAULT_MODEL": "environment/m" if "environment" in given else "",
        "PORTAL_TASKS_MODEL": "persona/m" if "persona" in given else "",
    }
    async with core(tmp_path, *providers.values(), variables=variables) as here:
        chat = await here.history.create(model="conversation/m" if "conversation" in given else "", mode=Mode.CHAT)
        await here.database.write(partial(be_the_task_assistant, chat.id))
        turn = await ask(here, "Hi", chat.id, model="message/m" if "message" in given else "", source=Source.CLI)
        assert turn.result.response == given[0]
        await asyncio.sleep(0.01)
        assert [event.reason for event in here.events if isinstance(event, RouteChosen)] == [given[0]]


def be_the_task_assistant(chat: int, connection: Any) -> None:
    connection.execute("UPDATE conversations SET persona = 'tasks' WHERE id = ?", (chat,))


@pytest.mark.spec("R-30")
@pytest.mark.parametrize(
    ("message", "app", "sent"), [(None, None, None), (None, "0.1", 0.1), (0.3, "0.1", 0.3), (0.3, None, 0.3)]
)
async def test_cascade_narrowest_value_reaches_the_request_and_an_unset_one_does_not(
    tmp_path: Path, message: float | None, app: str | None, sent: float | None
) -> None:
    provider = ScriptedProvider(script=[[Say("x")]])
    variables = {} if app is None else {"PORTAL_CHAT_TEMPERATURE": app}
    async with core(tmp_path, provider, variables=variables) as here:
        overrides = {} if message is None else {"chat.temperature": message}
        await ask(here, overrides=overrides)
        assert provider.requests[0].sampling.temperature == sent


async def test_model_of_a_chat_stays_its_own_and_an_unknown_one_is_an_error(tmp_path: Path) -> None:
    others = [
        ScriptedProvider(Endpoint(name, ProviderKind.SCRIPTED, name, ""), [[Say(name)]] * 2)
        for name in ("two", "three")
    ]
    async with core(tmp_path, ScriptedProvider(script=[[Say("one")]]), *others) as here:
        one = await ask(here)
        two = await ask(here, model="two/m", source=Source.CLI)
        again = await ask(here, "again", two.conversation_id, source=Source.CLI)
        three = await ask(here, "now", two.conversation_id, model="three/m", source=Source.CLI)
        texts = [turn.result.response for turn in (one, two, again, three)]
        assert texts == ["one", "two", "two", "three"]
        with pytest.raises(ProviderError, match="no model"):
            await here.live.send(None, "Hi", source=Source.CLI, model="unknown/m")


async def test_override_out_of_bounds_is_refused_before_anything_is_stored(tmp_path: Path) -> None:
    async with core(tmp_path) as here:
        chat = await here.history.create(mode=Mode.CHAT)
        with pytest.raises(SettingsError):
            await here.live.send(chat.id, "Hi", source=Source.CLI, overrides={"chat.temperature": 9})
        assert await here.history.path(chat.id) == []


async def test_model_without_tools_is_told_so_and_gets_none(tmp_path: Path) -> None:
    provider = ScriptedProvider(script=[[Say("x")]])
    facts = {MODEL: ModelFacts("demo", "scripted", tools=False, context_length=8000)}
    async with core(tmp_path, provider, tools=Toolbox(tool("look")), facts=facts) as here:
        await ask(here, mode=Mode.ACT)
        assert provider.requests[0].tools == ()
        assert "Tools are switched off" in provider.requests[0].messages[0].text


@pytest.mark.spec("T-32")
async def test_two_windows_on_one_chat_agree_after_a_turn(tmp_path: Path) -> None:
    provider = ScriptedProvider(script=[[Say("one")], [Say("two")]])
    async with core(tmp_path, provider) as here, core(tmp_path, provider) as there:
        turn = await ask(here)
        await ask(there, "second", turn.conversation_id)
        one, two = await here.history.path(turn.conversation_id), await there.history.path(turn.conversation_id)
        assert one == two
        assert [message.message.text for message in one] == ["Hello", "one", "second", "two"]


async def test_bug_in_a_tool_ends_the_turn_visibly(tmp_path: Path) -> None:
    async def broken(arguments: Any, context: Any) -> object:
        raise ZeroDivisionError

    caught: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: caught.append(context))
    provider = ScriptedProvider(script=[[Say("a"), Call("broken")]])
    async with core(tmp_path, provider, tools=Toolbox(tool("broken", broken))) as here:
        turn = await ask(here, mode=Mode.ACT)
        stored = (await here.history.path(turn.conversation_id))[1]
        assert stored.status is Status.INTERRUPTED
        assert isinstance(stored.parts[-1], Failure)
        assert "Portal Desktop went wrong" in stored.parts[-1].title
        with pytest.raises(ZeroDivisionError):
            await turn._task


async def test_task_persona_empty_reply_is_the_apps_own_text(tmp_path: Path) -> None:
    provider = ScriptedProvider(script=[[]])
    async with core(tmp_path, provider) as here:
        chat = await here.history.create(mode=Mode.ACT)

        await here.database.write(partial(be_the_task_assistant, chat.id))
        turn = await ask(here, "hi", chat.id)
        stored = (await here.history.path(turn.conversation_id))[1]
        (note,) = stored.parts
        assert isinstance(note, Note)
        assert "five things" in note.text
        assert provider.requests[0].deadlines.first_token == 30.0


async def test_requests_and_dropped_turns_are_told_on_the_bus(tmp_path: Path) -> None:
    provider = ScriptedProvider(script=[[Say("a" * 1500), Count(Usage(5, 2))], [Say("b")]])
    facts = {MODEL: ModelFacts("demo", "scripted", context_length=1200)}
    async with core(tmp_path, provider, facts=facts) as here:
        turn = await ask(here, "x" * 900)
        again = await ask(here, "y" * 900, turn.conversation_id)
        await asyncio.sleep(0.01)
        requests = [event for event in here.events if isinstance(event, RequestFinished)]
        assert [(event.model, event.prompt_tokens, event.error_name) for event in requests] == [
            ("demo", 5, ""),
            ("demo", None, ""),
        ]
        assert all(event.seconds >= (event.first_token_seconds or 99) for event in requests)
        (folded,) = [event for event in here.events if isinstance(event, ContextFolded)]
        assert folded.dropped_messages == 2
        assert again.context.limit == 1200
        assert [message.text[0] for message in provider.requests[1].messages[1:]] == ["y"]
