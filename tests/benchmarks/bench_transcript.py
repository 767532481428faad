"""The transcript against its limits: streaming, opening, flatness. Used by `portal bench` and `make bench`.

Every function returns ratios to a limit: below 1 is good.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator

from PySide6.QtWidgets import QApplication

from portal_desktop.clock import SystemClock
from portal_desktop.messages import Role, Status, Text
from portal_desktop.ui.theme import Theme, load_theme
from portal_desktop.ui.transcript.message import TranscriptMessage
from portal_desktop.ui.transcript.view import TranscriptView
from tests.benchmarks.prose import markdown

CALLBACK_SECONDS = 0.008
PAINT_SECONDS = 0.016
OPEN_SECONDS = 0.1
FLAT = 2.0
FRAME_SECONDS = 0.033
TOKENS_PER_SECOND = 1_000


def frames(text: str) -> Iterator[str]:
    """Yield what has arrived at the end of each frame, at 1,000 tokens a second of four characters."""
    step = int(TOKENS_PER_SECOND * FRAME_SECONDS * 4)
    for end in range(step, len(text) + step, step):
        yield text[:end]


def percentile(values: list[float], share: float) -> float:
    """Return the value below which this share lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _view(theme: Theme) -> TranscriptView:
    view = TranscriptView(theme, SystemClock())
    view.resize(960, 700)
    view.show()
    return view


def stream(characters: int = 100_000) -> dict[str, float]:
    """Stream an answer into a view that follows it."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme = load_theme()
    view = _view(theme)
    view.set_messages([TranscriptMessage(1, Role.USER, (Text("Tell me all about gardens"),))])
    updates: list[float] = []
    paints: list[float] = []
    for text in frames(markdown(characters)):
        started = time.thread_time()
        view.apply(TranscriptMessage(2, Role.ASSISTANT, (Text(text),), Status.STREAMING))
        view.flush()
        middle = time.thread_time()
        app.processEvents()
        updates.append(middle - started)
        paints.append(time.thread_time() - middle)
    view.close()
    view.deleteLater()
    tenth = len(updates) // 10
    early, late = updates[tenth : 2 * tenth], updates[-tenth:]
    return {
        "transcript.stream.callback": percentile(updates, 0.99) / CALLBACK_SECONDS,
        "transcript.stream.paint": percentile(paints, 0.99) / PAINT_SECONDS,
        "transcript.stream.flat": (sum(late) / len(late)) / (sum(early) / len(early)) / FLAT,
    }


def conversation(count: int) -> list[TranscriptMessage]:
    """Return a conversation of so many messages."""
    answers = [markdown(900, seed) for seed in range(40)]
    return [
        TranscriptMessage(i, Role.ASSISTANT if i % 2 else Role.USER, (Text(answers[i % 40] if i % 2 else "And then?"),))
        for i in range(count)
    ]


def open_long(count: int = 10_000) -> dict[str, float]:
    """Open a long conversation, to the first painted page."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme = load_theme()
    warm = _view(theme)
    warm.set_messages(conversation(10))
    app.processEvents()
    warm.close()
    warm.deleteLater()
    messages = conversation(count)
    gc.collect()
    view = _view(theme)
    app.processEvents()
    started = time.thread_time()
    view.set_messages(messages)
    app.processEvents()
    taken = time.thread_time() - started
    view.close()
    view.deleteLater()
    return {"transcript.open": taken / OPEN_SECONDS}


def run() -> dict[str, float]:
    """Return all ratios."""
    return stream() | open_long()
