"""Starts the real program in a child up to its first painted window.

`python -m tests.support.first_paint app|bare` prints one JSON object: the monotonic second of the first paint and the
modules that were loaded by then. `bare` is a plain window of the same kind without anything of ours.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def first_paint(kind: str) -> tuple[float, set[str]]:
    """Return the seconds from the start of the process to its first paint, and its modules then."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "PORTAL_HOME": home, "QT_QPA_PLATFORM": "offscreen"}
        start = time.monotonic()
        command = [sys.executable, "-m", "tests.support.first_paint", kind]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=30)
    said = json.loads(done.stdout)
    return said["at"] - start, set(said["modules"])


def _tell() -> None:
    sys.stdout.write(json.dumps({"at": time.monotonic(), "modules": sorted(sys.modules)}))
    sys.stdout.flush()


def _app() -> None:
    from portal_desktop.desktop import start

    def told(window: object) -> None:
        paint(window)  # type: ignore[arg-type]
        _tell()
        os._exit(0)

    paint = start.wait_for_paint
    start.wait_for_paint = told
    start.start([])


def _bare() -> None:
    from PySide6.QtCore import QTimer
    from PySide6.QtGui import QPaintEvent
    from PySide6.QtWidgets import (
        QApplication,
        QLineEdit,
        QListWidget,
        QMainWindow,
        QSplitter,
        QTextBrowser,
        QVBoxLayout,
        QWidget,
    )

    class Window(QMainWindow):
        def paintEvent(self, event: QPaintEvent) -> None:
            super().paintEvent(event)
            QTimer.singleShot(0, done)

    def done() -> None:
        _tell()
        app.quit()

    app = QApplication([])
    window = Window()
    split = QSplitter()
    chats = QListWidget()
    chats.addItems([f"chat {number}" for number in range(20)])
    split.addWidget(chats)
    page = QWidget()
    lines = QVBoxLayout(page)
    lines.addWidget(QTextBrowser())
    lines.addWidget(QLineEdit())
    split.addWidget(page)
    window.setCentralWidget(split)
    window.resize(1280, 800)
    window.show()
    app.exec()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    _app() if sys.argv[1] == "app" else _bare()
