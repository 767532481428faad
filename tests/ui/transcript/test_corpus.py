from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QTextDocument, QTextFormat
from PySide6.QtWidgets import QApplication

from portal_desktop.ui.transcript.items import DocumentItem
from portal_desktop.ui.transcript.message import TranscriptMessage
from portal_desktop.ui.transcript.safe_text import SafeDocument
from portal_desktop.ui.transcript.view import TranscriptView
from tests.support.pace import allowed
from tests.ui.transcript.corpus import Hostile, corpus

LIMIT_SECONDS = 0.1
SAFE = ("http://", "https://", "mailto:", "portal-load:http://", "portal-load:https://")


class Watch:
    """Audit hooks cannot be taken away; this one listens only while it is switched on."""

    def __init__(self, needles: tuple[str, ...]) -> None:
        self.needles = needles
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[object, ...]) -> None:
        if not self.on:
            return
        if event.startswith("socket.") or (event == "open" and any(needle in str(args[0]) for needle in self.needles)):
            self.seen.append(f"{event} {args[0]!r}")


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield server


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory, listener: socket.socket) -> list[Hostile]:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "real.png").write_bytes(b"not an image")
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "fifo.png")
    values = {
        "file": str(folder / "real.png"),
        "relative": os.path.relpath(folder / "real.png", Path.cwd()),
        "fifo": str(folder / "fifo.png"),
        "port": str(listener.getsockname()[1]),
    }
    return corpus(values)


def _anchors(document: QTextDocument) -> Iterator[str]:
    block = document.begin()
    while block.isValid():
        for fragment in block:
            form = fragment.fragment().charFormat()
            if form.isAnchor():
                yield form.anchorHref()
            if form.objectType() == QTextFormat.ObjectTypes.ImageObject.value:
                yield form.toImageFormat().name().replace("portal:task/", "https://task/")
        block = block.next()


def _show(view: TranscriptView, message: TranscriptMessage, app: QApplication) -> tuple[float, list[SafeDocument]]:
    started = time.thread_time()
    view.set_messages([message])
    app.processEvents()
    taken = time.thread_time() - started
    shown = [place.item for place in view.placed_in_sight()]
    return taken, [item.document() for item in shown if isinstance(item, DocumentItem)]


def test_corpus_has_over_seven_hundred_documents_with_names_of_their_own(documents: list[Hostile]) -> None:
    assert len(documents) >= 700
    assert len({document.name for document in documents}) == len(documents)


@pytest.mark.spec("X-52")
def test_transcript_hostile_documents_load_nothing_and_hold_no_unsafe_link(
    view: TranscriptView,
    answer: Callable[..., TranscriptMessage],
    documents: list[Hostile],
    listener: socket.socket,
    qapp: QApplication,
) -> None:
    view.set_image_loading(offered=True)
    _show(view, answer(1, "warm ```x``` up\n\n| a |\n|---|\n| b |\n\n```python\nx\n```"), qapp)
    watch = Watch(("hostile", "/etc/", "/dev/zero", "win.ini"))
    slow: list[str] = []
    refused: list[str] = []
    unsafe: list[str] = []
    watch.on = True
    for hostile in documents:
        taken, shown = _show(view, answer(1, hostile.text), qapp)
        if taken > allowed(LIMIT_SECONDS):
            slow.append(f"{hostile.name}: {taken * 1000:.0f} ms")
        for document in shown:
            refused += document.refused
            unsafe += [f"{hostile.name}: {link}" for link in _anchors(document) if not link.startswith(SAFE)]
    watch.on = False
    assert watch.seen == []
    assert refused == []
    assert unsafe == []
    assert slow == []
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.spec("X-52")
def test_transcript_message_with_twenty_tracking_variants_makes_no_request(
    view: TranscriptView, answer: Callable[..., TranscriptMessage], listener: socket.socket, qapp: QApplication
) -> None:
    port = listener.getsockname()[1]
    forms = ["![a]({})", "<img src={}>", "[![a]({0})]({0})", "![a](<{}>)", "> ![a]({})"]
    text = "\n\n".join(form.format(f"http://127.0.0.1:{port}/{i}.png") for i in range(4) for form in forms)
    _, documents = _show(view, answer(1, text), qapp)
    view.grab()
    assert all(document.refused == [] for document in documents)
    with pytest.raises(BlockingIOError):
        listener.accept()
