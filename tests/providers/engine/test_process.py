"""One life of a real engine process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from portal_desktop.errors import IllegalTransition, ProviderError
from portal_desktop.providers.engine.launch import EngineConfig, engine_command, engine_threads, read_ready
from portal_desktop.providers.engine.process import STEPS, TAIL_LINES, EngineProcess, EngineState

pytestmark = pytest.mark.integration

Make = Callable[..., EngineProcess]

PARENT = """
import asyncio, os, sys
from portal_desktop.providers.engine.launch import EngineConfig, engine_command
from portal_desktop.providers.engine.process import EngineProcess
async def main():
    process = EngineProcess(engine_command(), EngineConfig(sys.argv[1], threads=1), dict(os.environ))
    await process.start()
    print(process.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def status_of(address: str, path: str, key: str = "") -> int:
    request = urllib.request.Request(address + path, headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def headers_of(address: str, path: str, key: str) -> dict[str, str]:
    request = urllib.request.Request(
        address + path, headers={"Authorization": f"Bearer {key}", "Origin": "http://evil.example"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return {name.lower(): value for name, value in answer.headers.items()}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.spec("X-26", "R-28")
async def test_process_started_and_stopped_passes_through_its_states(start_process: Make) -> None:
    process = start_process()
    assert process.state is EngineState.CREATED
    await process.start()
    assert process.state is EngineState.RUNNING
    assert process.address.startswith("http://127.0.0.1:")
    await process.stop()
    assert process.state is EngineState.STOPPED
    assert process.exit_code == 0
    await process.stop()


@pytest.mark.spec("R-28")
async def test_process_started_twice_raises_illegal_transition(start_process: Make) -> None:
    process = start_process()
    await process.start()
    with pytest.raises(IllegalTransition, match="from running to started"):
        await process.start()


@pytest.mark.spec("R-28")
async def test_process_stopped_before_start_cannot_be_started(start_process: Make) -> None:
    process = start_process()
    await process.stop()
    with pytest.raises(IllegalTransition, match="from stopped to started"):
        await process.start()


@pytest.mark.spec("R-28")
@pytest.mark.parametrize("state", list(EngineState))
@pytest.mark.parametrize("wanted", list(EngineState))
def test_enter_every_pair_of_states_allows_only_the_listed_steps(state: EngineState, wanted: EngineState) -> None:
    process = EngineProcess(("none",), EngineConfig("none", 1), {})
    process.state = state
    if wanted in STEPS[state]:
        process._enter(wanted)
        assert process.state is wanted
    else:
        with pytest.raises(IllegalTransition):
            process._enter(wanted)


@pytest.mark.spec("X-26")
async def test_engine_without_key_answers_401(start_process: Make) -> None:
    process = start_process()
    await process.start()
    assert await asyncio.to_thread(status_of, process.address, "/v1/models") == 401
    assert await asyncio.to_thread(status_of, process.address, "/v1/models", "wrong") == 401
    assert await asyncio.to_thread(status_of, process.address, "/v1/models", process.key) == 200


@pytest.mark.spec("X-26")
async def test_process_key_and_file_stand_in_the_environment_never_in_the_arguments(
    start_process: Make, scripted_model: Path
) -> None:
    process = start_process()
    await process.start()
    arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    environment = Path(f"/proc/{process.pid}/environ").read_bytes()
    assert process.key.encode() in environment
    assert process.key.encode() not in arguments
    assert scripted_model.name.encode() not in arguments
    assert len(process.key) >= 32


async def test_process_two_launches_have_different_keys_and_ports(start_process: Make) -> None:
    one, other = start_process(), start_process()
    await one.start()
    await other.start()
    assert one.key != other.key
    assert one.address != other.address


async def test_process_environment_hands_on_no_other_secret(
    start_process: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-for-children")
    process = start_process()
    await process.start()
    assert b"not-for-children" not in Path(f"/proc/{process.pid}/environ").read_bytes()


@pytest.mark.spec("X-26")
async def test_engine_serves_no_web_page_and_no_foreign_origin(start_process: Make) -> None:
    process = start_process()
    await process.start()
    assert await asyncio.to_thread(status_of, process.address, "/", process.key) == 404
    headers = await asyncio.to_thread(headers_of, process.address, "/v1/models", process.key)
    assert headers.get("access-control-allow-origin", "") not in {"*", "http://evil.example"}


@pytest.mark.spec("X-26", "R-39")
async def test_parent_killed_engine_is_gone_within_two_seconds(scripted_model: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(scripted_model), stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    assert alive(child)
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    end = time.monotonic() + 2
    while alive(child) and time.monotonic() < end:
        await asyncio.sleep(0.02)
    assert not alive(child)


@pytest.mark.spec("X-26")
async def test_process_with_a_file_the_engine_refuses_explains_with_its_last_words(
    start_process: Make, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(64))
    process = start_process(broken)
    with pytest.raises(ProviderError) as raised:
        await process.start()
    assert raised.value.name == "model_not_loaded"
    assert "gguf" in raised.value.technical.lower()
    assert process.stopped


@pytest.mark.spec("X-26")
async def test_process_killed_is_noticed_and_explained(start_process: Make) -> None:
    process = start_process()
    await process.start()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    assert await process.wait(2)
    problem = process.explain()
    assert problem.name == "engine_crashed"
    assert "SIGKILL" in problem.technical
    assert process.state is EngineState.STOPPED


async def test_process_missing_processor_feature_is_said_in_words(start_process: Make) -> None:
    process = start_process(command=(sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGILL)"))
    with pytest.raises(ProviderError) as raised:
        await process.start()
    assert "processor lacks an instruction" in raised.value.technical


async def test_process_package_not_importable_is_engine_missing(start_process: Make) -> None:
    hide = (
        "import sys; sys.modules['xllamacpp'] = None; import os;"
        "from portal_desktop.providers.engine.child import main; sys.exit(main(dict(os.environ)))"
    )
    process = start_process(command=(sys.executable, "-c", hide))
    with pytest.raises(ProviderError) as raised:
        await process.start()
    assert raised.value.name == "engine_missing"


def test_engine_imported_without_the_package_works() -> None:
    code = (
        "import sys; sys.modules['xllamacpp'] = None;"
        "import portal_desktop.providers.engine.engine, portal_desktop.providers.engine.child"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_process_executable_absent_is_explained(start_process: Make) -> None:
    process = start_process(command=("/nowhere/at/all",))
    with pytest.raises(ProviderError) as raised:
        await process.start()
    assert raised.value.name == "engine_crashed"
    assert process.stopped


@pytest.mark.spec("X-26")
async def test_process_writes_much_to_stderr_keeps_the_last_200_lines(start_process: Make) -> None:
    code = "import sys; [print('line', n, 'x' * 5000, file=sys.stderr) for n in range(1000)]; sys.exit(9)"
    process = start_process(command=(sys.executable, "-c", code))
    with pytest.raises(ProviderError) as raised:
        await process.start()
    assert len(process.tail) == TAIL_LINES
    assert process.tail[-1].startswith("line 999 ")
    assert max(map(len, process.tail)) <= 2000
    assert "exit code 9" in raised.value.technical


async def test_process_output_before_ready_is_passed_over(start_process: Make) -> None:
    code = "print('noise'); print('READY nonsense'); print('READY {\"address\": \"http://evil.example:1\"}')"
    process = start_process(command=(sys.executable, "-c", code))
    with pytest.raises(ProviderError):
        await process.start()


async def test_process_deaf_to_the_end_of_its_input_is_killed(start_process: Make) -> None:
    ready = "READY " + json.dumps({"address": "http://127.0.0.1:1"})
    process = start_process(
        command=(sys.executable, "-c", f"import time; print('{ready}', flush=True); time.sleep(60)")
    )
    await process.start()
    before = time.monotonic()
    await process.stop()
    assert time.monotonic() - before < 3
    assert process.exit_code == -signal.SIGKILL


@pytest.mark.spec("R-39")
async def test_start_cancelled_at_any_moment_leaves_no_child(start_process: Make) -> None:
    for delay in (0, 0.001, 0.01, 0.05, 0.1, 0.2):
        process = start_process()
        starting = asyncio.create_task(process.start())
        await asyncio.sleep(delay)
        if starting.cancel():
            with pytest.raises(asyncio.CancelledError):
                await starting
        else:
            await process.stop()
        assert process.stopped
        assert process.pid is None or not alive(process.pid)


@pytest.mark.spec("R-39")
@pytest.mark.nightly
@pytest.mark.timeout(300)
async def test_start_stop_200_times_leaves_no_task_socket_or_child(start_process: Make) -> None:
    files = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(200):
        process = start_process()
        await process.start()
        await process.stop()
    assert len(list(Path("/proc/self/fd").iterdir())) <= files + 1
    assert len(asyncio.all_tasks()) <= 2
    assert not Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


@pytest.mark.spec("X-26")
@pytest.mark.parametrize(
    ("siblings", "wanted", "threads"),
    [
        (["0", "1", "2", "3"], 0, 3),
        (["0,4", "1,5", "2,6", "3,7", "0,4", "1,5", "2,6", "3,7"], 0, 3),
        (["0"], 0, 1),
        (["0", "1"], 0, 1),
        (["0", "1"], 6, 6),
    ],
)
def test_engine_threads_are_physical_cores_less_one(
    tmp_path: Path, siblings: list[str], wanted: int, threads: int
) -> None:
    for number, text in enumerate(siblings):
        folder = tmp_path / f"cpu{number}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(text + "\n")
    assert engine_threads(wanted, cpus=tmp_path) == threads


@pytest.mark.parametrize(("logical", "threads"), [(1, 1), (2, 1), (8, 3), (16, 7)])
@pytest.mark.skipif(sys.platform == "darwin", reason="there every logical processor is a core")
def test_engine_threads_without_topology_counts_two_per_core(tmp_path: Path, logical: int, threads: int) -> None:
    assert engine_threads(cpus=tmp_path, logical=logical) == threads


@pytest.mark.parametrize(
    "line",
    [b"", b"READY", b"READY \n", b"READY {}\n", b"READY []\n", b'READY {"address": 5}\n', b"hello\n"],
)
def test_read_ready_of_another_line_is_none(line: bytes) -> None:
    assert read_ready(line) is None


def test_engine_command_of_the_packaged_app_is_the_app_itself() -> None:
    assert engine_command("/opt/portal/portal-desktop", frozen=True) == ("/opt/portal/portal-desktop", "--engine")
