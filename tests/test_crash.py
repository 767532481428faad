"""Crashes leave a report that the next start offers; nothing secret is in it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from portal_desktop.crash import MOST_REPORTS, CrashReports
from portal_desktop.log import redact
from tests.support.clock import FakeClock

ROOT = Path(__file__).resolve().parents[1]
CANARY = "canary-91bc-key"

START = """
    import asyncio, faulthandler, os, pathlib, sys, threading
    from portal_desktop.clock import SystemClock
    from portal_desktop.crash import CrashReports
    from portal_desktop.log import redact
    folder = pathlib.Path(sys.argv[1])
    reports = CrashReports(folder, SystemClock(), redact=lambda t: redact(t, ["canary-91bc-key"]), tail=lambda: "the log tail")
    reports.install()
"""


@pytest.fixture
def reports(tmp_path: Path, fake_clock: FakeClock) -> CrashReports:
    return CrashReports(tmp_path / "crashes", fake_clock, redact=lambda text: redact(text, [CANARY]))


def crash(folder: Path, code: str) -> int:
    script = textwrap.dedent(START) + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], cwd=ROOT, capture_output=True, timeout=30, check=False
    )
    return done.returncode


@pytest.mark.spec("X-89", "S-53")
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise ValueError('no canary-91bc-key here')", "in the main thread"),
        ("t = threading.Thread(target=lambda: 1 / 0, name='worker'); t.start(); t.join()", "in thread worker"),
        (
            """
            class Bad:
                def __del__(self): raise RuntimeError("in a callback")
            Bad()
            """,
            "in a callback",
        ),
        (
            """
            async def main():
                asyncio.get_running_loop().set_exception_handler(reports.of_loop)
                asyncio.get_running_loop().call_soon(lambda: 1 / 0)
                await asyncio.sleep(0.01)
            asyncio.run(main())
            """,
            "ZeroDivisionError",
        ),
        ("reports.of_qt('critical', 'QPainter is lost')", "QPainter is lost"),
    ],
)
def test_crash_provoked_leaves_one_report_with_the_log_tail(
    code: str, words: str, tmp_path: Path, reports: CrashReports
) -> None:
    crash(tmp_path / "crashes", code)
    (report,) = reports.unseen()
    assert words in report.text
    assert "the log tail" in report.text
    assert "Portal Desktop 0." in report.text
    assert "91bc" not in report.path.read_text()
    reports.seen(report)
    assert reports.unseen() == []


@pytest.mark.spec("X-89")
def test_crash_of_native_code_leaves_its_stack_for_the_next_start(tmp_path: Path, reports: CrashReports) -> None:
    assert crash(tmp_path / "crashes", "faulthandler._sigabrt()") != 0
    (report,) = reports.unseen()
    assert "Fatal Python error: Aborted" in report.text
    assert report.path.name.startswith("native-")


def test_run_without_a_crash_leaves_nothing(tmp_path: Path, reports: CrashReports) -> None:
    assert crash(tmp_path / "crashes", "reports.uninstall()") == 0
    assert list((tmp_path / "crashes").iterdir()) == []
    assert reports.unseen() == []


def test_hooks_installed_and_uninstalled_are_the_former_ones(reports: CrashReports) -> None:
    before = (sys.excepthook, sys.unraisablehook)
    enabled = __import__("faulthandler").is_enabled()
    reports.install()
    assert sys.excepthook is not before[0]
    reports.uninstall()
    reports.uninstall()
    assert (sys.excepthook, sys.unraisablehook) == before
    if enabled:
        __import__("faulthandler").enable()


@pytest.mark.expects_log("Unexpected error")
def test_reports_beyond_the_limit_are_neither_written_nor_kept(tmp_path: Path, fake_clock: FakeClock) -> None:
    folder = tmp_path / "crashes"
    for _ in range(2):
        run = CrashReports(folder, fake_clock, redact=str)
        written = [run.report("a loop", ValueError(number)) for number in range(MOST_REPORTS + 5)]
        assert written.count(None) == 5
    assert len(list(folder.glob("*.txt"))) == MOST_REPORTS


@pytest.mark.expects_log("Unexpected error")
def test_report_that_cannot_be_written_is_no_second_crash(tmp_path: Path, fake_clock: FakeClock) -> None:
    (tmp_path / "file").write_text("")
    assert CrashReports(tmp_path / "file", fake_clock, redact=str).report("x", ValueError()) is None


@pytest.mark.expects_log("complained", "Qt said")
async def test_complaints_without_an_exception_are_logged_only(reports: CrashReports) -> None:
    reports.of_loop(asyncio.get_running_loop(), {"message": "a task was destroyed"})
    reports.of_qt("warning", "a font is missing")
    assert reports.unseen() == []
