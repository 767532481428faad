"""Each test here breaks one rule of tests/conftest.py; `tests/test_honesty.py` runs them and wants them to fail."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
import warnings

import pytest


def test_thread_is_left_running() -> None:
    threading.Thread(target=time.sleep, args=(8,), daemon=True, name="left-over").start()


async def test_task_is_left_running() -> None:
    test_task_is_left_running.kept = asyncio.create_task(asyncio.sleep(60))  # type: ignore[attr-defined]


@pytest.mark.gui
async def test_window_is_left_open(qapp: object) -> None:
    from PySide6.QtWidgets import QWidget

    window = QWidget()
    window.show()
    test_window_is_left_open.kept = window  # type: ignore[attr-defined]


@pytest.mark.gui
async def test_loop_is_held() -> None:
    end = time.thread_time() + 0.2
    while time.thread_time() < end:
        pass


@pytest.mark.gui
def test_qt_complains(qapp: object) -> None:
    from PySide6.QtCore import qWarning

    qWarning("something is off")


def test_socket_is_left_open() -> None:
    socket.socket()


def test_world_is_reached() -> None:
    with socket.socket() as door:
        door.settimeout(0.2)
        door.connect(("192.0.2.1", 9))


def test_text_is_printed() -> None:
    print("hello")  # noqa: T201 - this is the violation


def test_warning_is_raised() -> None:
    warnings.warn("deprecated", DeprecationWarning, stacklevel=1)


def test_error_is_logged() -> None:
    logging.getLogger("portal_desktop").error("something failed")
