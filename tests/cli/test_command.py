"""Golden runs of the program `portal` as a process, against a fake Ollama. A start takes a second, so most are slow."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from portal_desktop.assembly import Core
from portal_desktop.events import TaskChanged, TasksChanged
from portal_desktop.settings import Environment
from tests.servers.base import Close
from tests.servers.ollama import FakeOllama, chat, refused
from tests.servers.ollama_talk import answer, call, said
from tests.servers.ollama_talk import done as finished
from tests.servers.openai import FakeOpenAI, refusal
from tests.servers.openai import answer as by_openai
from tests.support.portal import Done, begin, portal

pytestmark = pytest.mark.integration

MODEL = "qwen3:8b"
Ask = Callable[..., Any]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
async def server() -> AsyncIterator[FakeOllama]:
    async with FakeOllama(pace=0.01) as server:
        yield server


@pytest.fixture
def ask(home: Path, server: FakeOllama) -> Ask:
    async def run(*words: str, typed: bytes = b"", more: dict[str, str] | None = None) -> Done:
        return await portal("ask", *words, *at(server), home=home, typed=typed, more=more)

    return run


def at(server: FakeOllama, model: str = MODEL) -> tuple[str, ...]:
    return ("--endpoint", server.base_url, "--provider", "ollama", "--model", model)


def rows(home: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(home / "data" / "portal.db")) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.spec("X-82")
async def test_ask_of_a_question_prints_the_answer_alone(ask: Ask, home: Path) -> None:
    done = await ask("hello", "there")
    assert (done.code, done.out, done.err) == (0, "You said: hello there\n", "")
    assert rows(home, "SELECT source FROM turns") == [("cli",)]


@pytest.mark.slow
@pytest.mark.spec("X-82")
async def test_ask_with_json_tells_the_documented_events(ask: Ask) -> None:
    done = await ask("think about it", "--json")
    assert done.code == 0
    kinds = [event["event"] for event in done.events]
    assert set(kinds) == {"phase", "thinking", "text", "usage", "finish"}
    assert kinds[-2:] == ["usage", "finish"]
    text = "".join(event["delta"] for event in done.events if event["event"] == "text")
    assert text == "You said: think about it"
    assert "".join(event["delta"] for event in done.events if event["event"] == "thinking").startswith("The user")
    usage, finish = done.events[-2:]
    assert usage == {"event": "usage", "prompt_tokens": 26, "completion_tokens": 12}
    assert finish == {"event": "finish", "reason": "stop", "conversation": 1, "message": finish["message"]}


@pytest.mark.spec("X-75", "X-82")
async def test_ask_for_a_task_runs_the_tool_and_the_list_has_it(ask: Ask, home: Path, server: FakeOllama) -> None:
    done = await ask("add buy milk", "--json")
    (call,) = [event for event in done.events if event["event"] == "tool_call"]
    (result,) = [event for event in done.events if event["event"] == "tool_result"]
    assert (call["name"], call["arguments"]["title"]) == ("add_task", "buy milk")
    assert (result["id"], result["ok"]) == (call["id"], True)
    assert json.loads(result["result"])["title"] == "buy milk"
    assert done.events[-1]["event"] == "finish"
    (task,) = (await portal("tasks", "list", "--json", home=home)).document
    assert (task["title"], task["completed"]) == ("buy milk", False)
    assert "add_task" in {tool["function"]["name"] for tool in server.chats[0]["tools"]}


@pytest.mark.slow
async def test_ask_without_tools_offers_none(ask: Ask, server: FakeOllama) -> None:
    done = await ask("add buy milk", "--no-tools", "--json")
    assert done.code == 0
    assert "tools" not in server.chats[0]


@pytest.mark.slow
@pytest.mark.spec("X-82")
@pytest.mark.parametrize(("policy", "left"), [("ask", 1), ("none", 1), ("all", 0)])
async def test_ask_for_what_needs_consent_is_decided_by_the_policy(
    policy: str, left: int, ask: Ask, home: Path, server: FakeOllama
) -> None:
    for title in ("one", "two"):
        await portal("tasks", "add", title, home=home)
    calls = [call("delete_task", {"task_id": 1}), call("delete_task", {"task_id": 2}, index=1)]
    server.script(chat(said(MODEL, calls=calls), finished(MODEL)), chat(*answer(MODEL, "Done.")))
    run = await ask("delete both", "--approve", policy, "--json")
    results = [event["ok"] for event in run.events if event["event"] == "tool_result"]
    assert (run.code, results) == (0, [True, left == 0])
    assert len((await portal("tasks", "list", "--json", home=home)).document) == left


@pytest.mark.slow
async def test_ask_in_a_conversation_goes_on_in_it(ask: Ask, server: FakeOllama) -> None:
    first = await ask("one", "--json")
    second = await ask("two", "--conversation", str(first.events[-1]["conversation"]), "--json")
    assert second.events[-1]["conversation"] == first.events[-1]["conversation"]
    said_before = [message["content"] for message in server.chats[1]["messages"]]
    assert said_before[-3:] == ["one", "You said: one", "two"]


@pytest.mark.slow
async def test_ask_by_pipe_and_argument_is_one_message(ask: Ask, server: FakeOllama) -> None:
    assert (await ask("sum up", typed=b"the text\n")).code == 0
    assert (await ask(typed="nur größer".encode())).out == "You said: nur größer\n"
    assert server.chats[0]["messages"][-1]["content"] == "sum up\n\nthe text"


@pytest.mark.spec("X-82")
async def test_ask_by_pipe_of_a_megabyte_is_refused_with_its_limit(ask: Ask, server: FakeOllama) -> None:
    done = await ask("sum up", typed=b"x" * 1_000_000)
    assert done.code == 4
    assert "10000 characters" in done.err
    assert server.chats == []


@pytest.mark.slow
async def test_ask_without_any_text_is_a_usage_error(ask: Ask, server: FakeOllama) -> None:
    assert (await ask()).code == 2
    assert server.chats == []


@pytest.mark.slow
@pytest.mark.spec("X-82")
async def test_ask_of_a_server_that_is_not_there_ends_with_three(home: Path) -> None:
    async with FakeOllama() as gone:
        address = gone.base_url
    done = await portal("ask", "hi", "--endpoint", address, "--provider", "ollama", "--model", "m", "--json", home=home)
    assert done.code == 3
    assert (done.events[-1]["event"], done.events[-1]["kind"]) == ("error", "network")
    assert rows(home, "SELECT count(*) FROM messages") == [(2,)]


@pytest.mark.slow
@pytest.mark.spec("X-82")
async def test_ask_refused_failed_or_cut_ends_with_its_code(ask: Ask, home: Path, server: FakeOllama) -> None:
    server.script(refused(401, "unauthorized"), chat(said(MODEL, "Half"), pace=0.0))
    assert (await ask("one")).code == 4
    cut = await ask("two", "--json")
    assert cut.code == 5
    assert [event.get("delta") for event in cut.events if event["event"] == "text"] == ["Half"]
    assert cut.events[-1]["event"] == "error"
    gone = await portal("ask", "x", *at(server, "no-such-model"), home=home)
    assert gone.code == 1


@pytest.mark.spec("X-82")
@pytest.mark.parametrize("kind", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
async def test_ask_interrupted_keeps_the_text_and_ends_with_five(
    kind: signal.Signals, home: Path, server: FakeOllama
) -> None:
    child = await begin("ask", "a long story", *at(server), "--json", home=home)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.close()
    lines = []
    while not any(line.get("event") == "text" for line in lines):
        lines.append(json.loads(await asyncio.wait_for(child.stdout.readline(), 20)))
    child.send_signal(kind)
    out, _ = await asyncio.wait_for(child.communicate(), 20)
    assert child.returncode == 5
    last = json.loads(out.decode().splitlines()[-1])
    assert (last["event"], last["reason"]) == ("finish", "stopped")
    assert rows(home, f"SELECT status FROM messages WHERE id = {last['message']}") == [("stopped",)]


@pytest.mark.slow
async def test_ask_with_a_given_endpoint_but_no_model_takes_the_first_one(home: Path, server: FakeOllama) -> None:
    done = await portal("ask", "hello", "--endpoint", server.base_url, home=home)
    assert (done.code, done.out) == (0, "You said: hello\n")
    assert server.chats[0]["model"] in server.models


@pytest.mark.slow
async def test_ask_without_an_endpoint_finds_a_server_of_this_computer(home: Path, server: FakeOllama) -> None:
    more = {"PORTAL_MODELS_EXTRA_PORTS": server.base_url.rpartition(":")[2]}
    done = await portal("ask", "hello", "--model", MODEL, home=home, more=more)
    assert (done.code, done.out) == (0, "You said: hello\n")
    named = await portal("models", "--json", home=home, more=more)
    assert {model["model"] for model in named.document} == set(server.models)


@pytest.mark.slow
@pytest.mark.spec("X-82")
@pytest.mark.parametrize("path", ["", "/v1", "/v1/"])
async def test_ask_of_an_openai_server_prints_tools_usage_and_text(path: str, home: Path) -> None:
    async with FakeOpenAI() as server:
        server.script(
            by_openai(calls=[("add_task", {"title": "buy milk"})], usage=(10, 2)), by_openai("Added.", usage=(20, 3))
        )
        address = server.base_url.removesuffix("/v1") + path
        words = ("--endpoint", address, "--provider", "openai", "--model", "m", "--json")
        run = await portal("ask", "add buy milk", *words, home=home)
    kinds = [event["event"] for event in run.events if event["event"] != "phase"]
    assert (run.code, run.err) == (0, "")
    assert [kind for kind in kinds if kind != "text"] == ["tool_call", "tool_result", "usage", "finish"]
    assert "".join(event["delta"] for event in run.events if event["event"] == "text") == "Added."
    assert run.events[-2] == {"event": "usage", "prompt_tokens": 30, "completion_tokens": 5}


@pytest.mark.slow
@pytest.mark.parametrize("path", ["", "/v1"])
async def test_ask_of_an_openai_server_without_naming_its_protocol_finds_out(path: str, home: Path) -> None:
    async with FakeOpenAI() as server:
        for asked in ("/api/tags", "/api/version", "/api/ps"):
            server.route("GET", asked, refusal(404, "no such page"))
        server.script(by_openai("Hi"))
        run = await portal("ask", "x", "--endpoint", server.base_url.removesuffix("/v1") + path, home=home)
    assert (run.code, run.out) == (0, "Hi\n")


@pytest.mark.spec("X-82")
async def test_chat_over_a_pipe_holds_conversations(home: Path, server: FakeOllama) -> None:
    typed = b"one\n\ntwo\n/model\n/nonsense\n/new\nthree\n/quit\nnever\n"
    done = await portal("chat", *at(server), home=home, typed=typed)
    assert (done.code, done.out) == (0, "You said: one\nYou said: two\nYou said: three\n")
    assert rows(home, "SELECT count(*) FROM conversations") == [(2,)]
    assert [len([m for m in body["messages"] if m["role"] == "user"]) for body in server.chats] == [1, 2, 1]


@pytest.mark.slow
@pytest.mark.spec("X-82")
async def test_chat_with_a_failing_turn_goes_on_and_ends_with_the_last_code(home: Path, server: FakeOllama) -> None:
    server.script(refused(401, "no"), chat(*answer(MODEL, "Fine")), chat(said(MODEL, "Ha"), Close()))  # type: ignore[arg-type]
    done = await portal("chat", *at(server), "--json", home=home, typed=b"one\ntwo\nthree\n")
    assert done.code == 5
    assert [event["event"] for event in done.events if event["event"] in {"error", "finish"}] == [
        "error",
        "finish",
        "error",
    ]


@pytest.mark.spec("X-75")
async def test_tasks_changed_by_command_are_news_to_an_open_app_within_a_second(home: Path) -> None:
    core = Core(Environment({"PORTAL_HOME": str(home)}).paths, Environment({"PORTAL_HOME": str(home)}), ports=())
    await core.start()
    core.watch()
    heard = asyncio.Event()
    core.bus.subscribe(TasksChanged, lambda _: heard.set())
    core.bus.subscribe(TaskChanged, lambda _: heard.set())
    try:
        done = await portal("tasks", "add", "buy milk", "--json", home=home)
        await asyncio.wait_for(heard.wait(), 1.0)
        assert done.document["title"] == "buy milk"
        assert [task.title for task in (await core.book.list()).tasks] == ["buy milk"]
    finally:
        await core.stop()


WATCHED = """
import json, sys
opened = []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        path, mode, flags = arguments
        if (isinstance(mode, str) and set(mode) & set("wax+")) or (isinstance(flags, int) and flags & 0o1103):
            opened.append(str(path))
    elif event in {"os.mkdir", "os.rename", "os.remove", "os.truncate", "os.symlink", "os.link"}:
        opened.append(str(arguments[0]))
sys.addaudithook(watch)
sys.dont_write_bytecode = True
from portal_desktop.command import main
code = main(sys.argv[1:])
print(json.dumps({"written": opened, "qt": [name for name in sys.modules if name.startswith("PySide6")]}), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.spec("X-01")
async def test_program_with_a_home_writes_below_it_only_and_loads_no_qt(home: Path, server: FakeOllama) -> None:
    command = (sys.executable, "-c", WATCHED)
    for words in (("ask", "add buy milk", *at(server)), ("backup", "now"), ("tasks", "list"), ("doctor",)):
        done = await portal(*words, home=home, command=command)
        seen = json.loads(done.err.splitlines()[-1])
        assert done.code == 0, done.err
        assert seen["qt"] == []
        assert [path for path in seen["written"] if not Path(path).is_relative_to(home) and path != "/dev/null"] == []


@pytest.mark.slow
@pytest.mark.spec("X-01")
async def test_program_with_two_homes_keeps_them_apart(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    await asyncio.gather(portal("tasks", "add", "mine", home=one), portal("tasks", "add", "yours", home=other))
    assert [task["title"] for task in (await portal("tasks", "list", "--json", home=one)).document] == ["mine"]
    assert [task["title"] for task in (await portal("tasks", "list", "--json", home=other)).document] == ["yours"]


@pytest.mark.slow
@pytest.mark.spec("P-31")
async def test_doctor_with_a_server_on_this_computer_says_ok(home: Path, server: FakeOllama) -> None:
    more = {"PORTAL_MODELS_EXTRA_PORTS": server.base_url.rpartition(":")[2]}
    done = await portal("doctor", "--json", home=home, more=more)
    checks = {check["part"]: check for check in done.document}
    assert done.code == 0
    assert len(checks) >= 9
    assert {check["state"] for part, check in checks.items() if part != "Window system"} == {"ok"}
    assert "ollama" in checks["Model servers"]["fact"]


@pytest.mark.slow
@pytest.mark.spec("P-31")
async def test_doctor_with_a_damaged_database_fails_and_names_the_remedy(home: Path) -> None:
    await portal("tasks", "add", "before", home=home)
    assert (await portal("backup", "now", home=home)).code == 0
    (home / "data" / "portal.db").write_bytes(b"this is no database" * 1000)
    for suffix in ("-wal", "-shm"):
        (home / "data" / f"portal.db{suffix}").unlink(missing_ok=True)
    done = await portal("doctor", home=home)
    assert done.code == 1
    assert "FAILED" in done.out
    assert "The database is damaged" in done.out
    assert (await portal("tasks", "list", home=home)).code == 1
    restored = await portal("backup", "restore", "last", "--yes", home=home)
    assert restored.code == 0, restored.err
    assert [task["title"] for task in (await portal("tasks", "list", "--json", home=home)).document] == ["before"]


@pytest.mark.slow
async def test_command_with_a_bad_variable_says_so_and_works(home: Path) -> None:
    done = await portal("tasks", "list", "--json", home=home, more={"PORTAL_CHAT_MAX_ROUNDS": "many"})
    assert (done.code, done.document) == (0, [])
    assert "PORTAL_CHAT_MAX_ROUNDS" in done.err


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [(), ("nonsense",), ("ask", "--approve", "maybe"), ("tasks",), ("tasks", "done", "x")]
)
async def test_command_that_is_wrong_is_a_usage_error(words: tuple[str, ...], home: Path) -> None:
    done = await portal(*words, home=home)
    assert done.code == 2
    assert done.err.startswith("usage: portal")
    assert not home.exists()
