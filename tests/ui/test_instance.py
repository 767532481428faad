"""One process per home: real processes, real locks, a real socket."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication

from portal_desktop.ui.instance import InstanceServer, hand_over, parse_arguments, socket_name
from portal_desktop.ui.lock import InstanceLock
from tests.support.desk import until

pytestmark = [pytest.mark.gui, pytest.mark.skipif(sys.platform == "win32", reason="the tests use POSIX signals")]

HOLD = """
import sys
from pathlib import Path
from portal_desktop.ui.lock import InstanceLock
lock = InstanceLock(Path(sys.argv[1]))
sys.stdout.write(str(lock.acquire()) + "\\n")
sys.stdout.flush()
sys.stdin.read()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    return process


@pytest.mark.integration
@pytest.mark.spec("X-04")
def test_lock_of_killed_process_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "instance.lock"
    process = holder(path)
    lock = InstanceLock(path)
    try:
        assert not lock.acquire()
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert lock.acquire()
    finally:
        process.kill()
        process.communicate()
        lock.release()


def test_lock_file_full_of_garbage_does_not_block(tmp_path: Path) -> None:
    path = tmp_path / "instance.lock"
    path.write_bytes(os.urandom(4096))
    lock = InstanceLock(path)
    assert lock.acquire()
    assert not InstanceLock(path).acquire()
    lock.release()
    again = InstanceLock(path)
    assert again.acquire()
    again.release()


def test_socket_name_differs_by_home_and_names_the_user(tmp_path: Path) -> None:
    one, two = socket_name(tmp_path / "a"), socket_name(tmp_path / "b")
    assert one != two
    assert str(os.getuid()) in Path(one).name
    deep = tmp_path / ("x" * 120)
    assert len(socket_name(deep).encode()) <= 107


async def test_server_arguments_of_second_start_arrive_and_are_acknowledged(app: object, tmp_path: Path) -> None:
    name = socket_name(tmp_path)
    got: list[list[str]] = []
    server = InstanceServer(name, got.append)
    assert server.listen()
    assert stat.S_IMODE(Path(name).stat().st_mode) & 0o077 == 0
    script = (
        "import sys; from portal_desktop.ui.instance import hand_over;"
        f" sys.exit(0 if hand_over({name!r}, ['--quick-ask', 'ä.txt'], patience_ms=5000) else 1)"
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    await until(lambda: process.poll() is not None, 20)
    assert process.returncode == 0
    assert got == [["--quick-ask", "ä.txt"]]
    server.close()


async def test_server_stale_socket_file_is_replaced(app: object, tmp_path: Path) -> None:
    Path(socket_name(tmp_path)).write_text("left by a killed process")
    server = InstanceServer(socket_name(tmp_path), lambda _words: None)
    assert server.listen()
    server.close()


def test_hand_over_without_a_listener_gives_up_in_time(app: QCoreApplication, tmp_path: Path) -> None:
    start = time.monotonic()
    assert not hand_over(socket_name(tmp_path), [], patience_ms=200)
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("line", [b"", b"nonsense\n", b'{"a": 1}\n', b"[1, 2]\n", b"[" * 100_000])
def test_parse_arguments_nonsense_is_refused(line: bytes) -> None:
    assert parse_arguments(line) is None
