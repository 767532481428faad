"""What every test of the suite lives under: no leaks, no reach beyond loopback, no print, no unexpected warning."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.clock import FakeClock
from tests.support.pace import allowed
from tests.support.spec_report import SpecReport

if TYPE_CHECKING:
    from portal_desktop.loop import PortalLoop

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["QT_API"] = "pyside6"
os.environ["PYTEST_QT_API"] = "pyside6"

BLOCKED_SECONDS = 0.1
"""Processor time one callback of ours may take on the loop in a test of a window (the aim is 8 ms)."""

LEAK_GRACE = 3.0
"""Seconds a thread that was told to end may take."""

LOOPBACK_NAMES = {"localhost", "", "::1"}


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    parser.addoption(
        "--spec-report", metavar="FILE", help="write which entries of the specification have a passing test"
    )
    if not pluginmanager.hasplugin("pytest-qt"):
        parser.addini("qt_log_level_fail", "belongs to pytest-qt, which is absent in the leg without Qt")


def pytest_configure(config: pytest.Config) -> None:
    sys.addaudithook(_refuse_the_world)
    if config.getoption("--spec-report"):
        config.pluginmanager.register(SpecReport(Path(config.getoption("--spec-report"))))


def _refuse_the_world(event: str, args: tuple[Any, ...]) -> None:
    if event != "socket.connect":
        return
    address = args[1]
    if not isinstance(address, tuple):
        return
    host = str(address[0])
    if host in LOOPBACK_NAMES:
        return
    try:
        local = ipaddress.ip_address(host.split("%", maxsplit=1)[0]).is_loopback
    except ValueError:
        local = False
    if not local:
        raise PermissionError(f"a test reached beyond loopback: {host}")


class _Watched:
    """Times each callback of a loop by the processor time it takes, which a busy machine does not inflate."""

    def __init__(self) -> None:
        self.slow: list[str] = []

    def run(self, handle: asyncio.Handle, call: Callable[[asyncio.Handle], None]) -> None:
        start = time.thread_time()
        call(handle)
        if (taken := time.thread_time() - start) > allowed(BLOCKED_SECONDS):
            self.slow.append(f"{handle!r} held the loop for {taken * 1000:.0f} ms")


_watched = _Watched()


def _qt_loop() -> PortalLoop:
    from PySide6.QtWidgets import QApplication

    from portal_desktop.loop import PortalLoop

    class WatchedLoop(PortalLoop):
        def _run(self, handle: asyncio.Handle) -> None:
            _watched.run(handle, super()._run)

    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    app.setQuitOnLastWindowClosed(False)
    return WatchedLoop(app)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("gui") or "ui" in item.path.relative_to(config.rootpath).parts:
        return {"qt": _qt_loop}
    return {"asyncio": asyncio.SelectorEventLoop}


@pytest.fixture(autouse=True)
def no_slow_callbacks() -> Iterator[None]:
    _watched.slow.clear()
    yield
    assert not _watched.slow, "; ".join(_watched.slow)


@pytest.fixture(autouse=True)
def no_leaked_threads() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    end = time.monotonic() + LEAK_GRACE
    while left := [t for t in threading.enumerate() if t not in before and not _is_of_the_runner(t)]:
        if time.monotonic() > end:
            pytest.fail(f"threads left running: {', '.join(t.name for t in left)}")
        time.sleep(0.005)


def _is_of_the_runner(thread: threading.Thread) -> bool:
    return thread.name.startswith(("pytest", "execnet", "asyncio_", "portal_", "Dummy"))


@pytest.fixture(autouse=True)
def no_leaked_windows() -> Iterator[None]:
    yield
    widgets = sys.modules.get("PySide6.QtWidgets")
    app = widgets.QApplication.instance() if widgets else None
    if app is None:
        return
    left = [w for w in app.topLevelWidgets() if w.isVisible()]
    for window in left:
        window.close()
        window.deleteLater()
    assert not left, f"windows left open: {left}"


@pytest.fixture(autouse=True)
async def no_leaked_tasks() -> Any:
    """Runs inside the loop of an async test; a synchronous test gets a loop of its own and leaves nothing on it."""
    before = asyncio.all_tasks()
    yield
    for _ in range(50):
        left = [t for t in asyncio.all_tasks() - before if t is not asyncio.current_task() and not t.done()]
        if not left:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"tasks left running: {left}")


@pytest.fixture(autouse=True)
def no_unexpected_warnings(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    marker = request.node.get_closest_marker("expects_log")
    expected = marker.args if marker else ()
    for record in caplog.get_records("call"):
        text = record.getMessage()
        if record.levelno >= logging.WARNING and not any(part in text for part in expected):
            pytest.fail(f"unexpected {record.levelname} from {record.name}: {text}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call" and report.passed:
        printed = [text for name, text in report.sections if name == "Captured stdout call" and text.strip()]
        if printed:
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} printed: {printed[0][:400]}"
    return report


@pytest.fixture
def fake_clock() -> FakeClock:
    return FakeClock()
