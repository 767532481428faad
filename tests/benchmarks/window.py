"""The whole chain in a child process: a paced server, the provider, the agent, the database, the real window.

`python -m tests.benchmarks.window` prints one JSON object of ratios.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RATE = 1_000
TOKENS = 12_500
TOKEN_CHARACTERS = 4
CALLBACK_SECONDS = 0.008
FRAME_SECONDS = 0.033


def window_stream() -> float:
    """Worst callback in each 33 ms, p99 over 50,000 characters at 1,000 tokens/s, against 8 ms; painting apart."""
    return _run()["callback"] / CALLBACK_SECONDS


def _run() -> dict[str, float]:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-m", "tests.benchmarks.window"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=120)
    said: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return said


async def _stream(core: object, address: str, look: object) -> None:
    from portal_desktop.assembly import Core
    from portal_desktop.messages import Source
    from portal_desktop.settings import declared
    from portal_desktop.ui.look import Look
    from tests.support.desk import Windows

    assert isinstance(core, Core)
    assert isinstance(look, Look)
    entry = {"id": "bench", "kind": "openai", "name": "bench", "base_url": f"{address}/v1"}
    await core.settings.set(declared.ENDPOINTS, [entry])
    windows = Windows(core, look)  # type: ignore[arg-type]
    await windows.open()
    turn = await core.live.send(None, "go on", source=Source.WINDOW, model="bench/m")
    await windows.panel.model.open(turn.conversation_id)
    Watch.armed = True
    await turn.wait()
    Watch.armed = False
    await windows.close()


class Watch:
    """The longest processor time of one event in each frame, painting apart."""

    armed = False
    frames: dict[str, dict[int, float]] = {"callback": {}, "paint": {}}  # noqa: RUF012 - one per process

    @classmethod
    def note(cls, kind: str, taken: float) -> None:
        if cls.armed:
            frame = int(time.monotonic() / FRAME_SECONDS)
            frames = cls.frames[kind]
            frames[frame] = max(taken, frames.get(frame, 0.0))


def main() -> None:
    from PySide6.QtCore import QEvent, QObject
    from PySide6.QtWidgets import QApplication

    from portal_desktop.assembly import Core
    from portal_desktop.loop import PortalLoop
    from portal_desktop.paths import Paths
    from portal_desktop.settings import Environment
    from portal_desktop.ui.look import Look
    from portal_desktop.ui.theme import load_theme
    from tests.benchmarks.flood import flood

    PAINTING = {QEvent.Type.Paint, QEvent.Type.UpdateRequest, QEvent.Type.Expose}  # noqa: N806 - known with Qt only

    class Application(QApplication):
        depth = 0

        def notify(self, receiver: QObject, event: QEvent) -> bool:
            self.depth += 1
            start = time.thread_time()
            try:
                return super().notify(receiver, event)
            finally:
                self.depth -= 1
                if not self.depth:
                    kind = "paint" if event.type() in PAINTING else "callback"
                    Watch.note(kind, time.thread_time() - start)

    app = Application([])
    app.setQuitOnLastWindowClosed(False)
    look = Look(load_theme(), wanted="light")
    look.apply()

    async def run() -> None:
        core = Core(Paths.below(Path(home)), Environment({"TZ": "UTC"}), program="bench", ports=())
        await core.start()
        core.watch()
        await _stream(core, address, look)
        await core.stop()

    with (
        tempfile.TemporaryDirectory() as home,
        flood(TOKENS, TOKEN_CHARACTERS, RATE) as address,
        asyncio.Runner(loop_factory=lambda: PortalLoop(app)) as runner,
    ):
        runner.run(run())
    said: dict[str, float] = {}
    for kind, frames in Watch.frames.items():
        worst = sorted(frames.values())
        said |= {kind: worst[int(len(worst) * 0.99)], f"{kind}-max": worst[-1], f"{kind}-frames": len(worst)}
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
