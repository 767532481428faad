"""The suite's own rules can fail: each is broken on purpose in tests/support/violations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
VIOLATIONS = ROOT / "tests" / "support" / "violations" / "test_leaks.py"

BROKEN = {
    "test_thread_is_left_running": "threads left running: left-over",
    "test_task_is_left_running": "tasks left running",
    "test_window_is_left_open": "windows left open",
    "test_loop_is_held": "held the loop for",
    "test_qt_complains": "something is off",
    "test_socket_is_left_open": "unclosed <socket",
    "test_world_is_reached": "reached beyond loopback",
    "test_text_is_printed": "printed: hello",
    "test_warning_is_raised": "DeprecationWarning: deprecated",
    "test_error_is_logged": "unexpected ERROR",
}


@pytest.fixture(scope="module")
def broken_run() -> str:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:xdist",
            "-p",
            "no:randomly",
            "-p",
            "no:cacheprovider",
            "-rA",
            str(VIOLATIONS),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.spec("X-92")
@pytest.mark.parametrize("name", sorted(BROKEN))
def test_rule_of_the_suite_when_broken_fails_the_test(name: str, broken_run: str) -> None:
    verdicts = [line for line in broken_run.splitlines() if line.startswith(("FAILED", "ERROR")) and name in line]
    assert verdicts, broken_run
    assert BROKEN[name] in broken_run


@pytest.mark.spec("X-92")
def test_fixed_waits_in_tests_of_windows_are_absent() -> None:
    waiting = [
        f"{file.name}:{number}"
        for file in (ROOT / "tests" / "ui").rglob("*.py")
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if "qtbot.wait(" in line or "time.sleep(" in line or "qWait(" in line
    ]
    assert waiting == []


@pytest.mark.spec("X-92")
def test_patching_of_our_own_code_is_absent() -> None:
    patching = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in (ROOT / "tests").rglob("test_*.py")
        if file != Path(__file__)
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if "mock.patch" in line or "MagicMock" in line or 'monkeypatch.setattr("portal_desktop' in line
    ]
    assert patching == []
