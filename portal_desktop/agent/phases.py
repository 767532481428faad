"""The line that says what a turn is doing: exactly one phase at every moment, each with its own clock."""

from __future__ import annotations

from collections.abc import Callable

from portal_desktop.clock import Clock
from portal_desktop.messages import Phase, PhaseChanged

NO_REPLY_AFTER = 10.0
KEEP_WAITING = "keep_waiting"
"""The detail of WAITING while the user is asked whether to wait longer for a silent server."""

LAST = frozenset({Phase.DONE, Phase.STOPPED, Phase.FAILED})
_SILENT = frozenset({Phase.CONNECTING, Phase.QUEUED, Phase.LOADING, Phase.READING, Phase.THINKING, Phase.WRITING})


class PhaseLine:
    """Holds the phase of one turn and tells each change; after DONE, STOPPED or FAILED nothing changes any more."""

    def __init__(self, clock: Clock, tell: Callable[[PhaseChanged], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._now: PhaseChanged | None = None

    @property
    def current(self) -> PhaseChanged | None:
        """The phase that is true now; None before the first."""
        return self._now

    def enter(self, phase: Phase, detail: str = "", fraction: float | None = None) -> None:
        """Make this the phase. The same phase and detail again keep their start, so that the count goes on."""
        now = self._now
        if now is not None and now.phase in LAST:
            return
        same = now is not None and (now.phase, now.detail) == (phase, detail)
        started = now.started if same and now is not None else self._clock.monotonic()
        self._set(PhaseChanged(phase, detail, fraction, started))

    def resume(self, earlier: PhaseChanged) -> None:
        """Go back to a phase that a question interrupted; its count includes the question."""
        if self._now is not None and self._now.phase not in LAST:
            self._set(earlier)

    def _set(self, changed: PhaseChanged) -> None:
        if changed != self._now:
            self._now = changed
            self._tell(changed)


def silent_seconds(phase: PhaseChanged, heard: float, now: float) -> int | None:
    """Return the whole seconds without a sign of life once they are 10, in phases in which a server should speak."""
    quiet = now - max(heard, phase.started)
    return int(quiet) if phase.phase in _SILENT and quiet >= NO_REPLY_AFTER else None


_WORDS = {
    Phase.CONNECTING: "Connecting to {detail}",
    Phase.QUEUED: "Waiting in queue",
    Phase.LOADING: "Loading model",
    Phase.READING: "Reading prompt",
    Phase.THINKING: "Thinking",
    Phase.WRITING: "Writing",
    Phase.TOOL: "Calling {detail}",
    Phase.WAITING: "Waiting for you: {detail}",
    Phase.DONE: "Done",
    Phase.STOPPED: "Stopped",
    Phase.FAILED: "Failed",
}


def describe(phase: PhaseChanged, *, heard: float, now: float) -> str:
    """Return the line in plain English: phase, share where known, elapsed time, silence; never bare."""
    if phase.phase is Phase.WAITING and phase.detail == KEEP_WAITING:
        return f"No reply for {int(now - heard)} s. Keep waiting?"
    words = _WORDS[phase.phase].format(detail=phase.detail or "the server").removesuffix(": the server")
    if phase.phase in LAST:
        return words
    share = "" if phase.fraction is None else f" {phase.fraction:.0%}"
    quiet = silent_seconds(phase, heard, now)
    return f"{words}{share}, {int(now - phase.started)} s" + ("" if quiet is None else f", no reply for {quiet} s")
