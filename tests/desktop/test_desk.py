"""The whole program as a process: first paint before heavy imports, second start, quit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.gui, pytest.mark.integration]


def run(home: Path, *words: str, code: str = "") -> subprocess.Popen[str]:
    command = ["-c", code] if code else ["-m", "portal_desktop", *words]
    return subprocess.Popen(
        [sys.executable, *command],
        env={**os.environ, "PORTAL_HOME": str(home), "QT_QPA_PLATFORM": "offscreen"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} did not appear"
        time.sleep(0.02)


@pytest.mark.spec("X-04")
def test_start_twice_second_exits_zero_and_first_stays(tmp_path: Path) -> None:
    first = run(tmp_path)
    try:
        sockets = tmp_path / "data"
        wait_for(sockets / "portal.db")
        second = run(tmp_path, "--quick-ask")
        _, err = second.communicate(timeout=20)
        assert second.returncode == 0, err
        assert first.poll() is None
        first.send_signal(signal.SIGKILL)
        first.communicate()
        third = run(tmp_path)
        try:
            time.sleep(1.0)
            assert third.poll() is None
            third.send_signal(signal.SIGTERM)
            _, err = third.communicate(timeout=20)
            assert third.returncode == 0, err
        finally:
            third.kill()
            third.communicate()
    finally:
        first.kill()
        first.communicate()
