"""The line that says what a turn is doing."""

from __future__ import annotations

import pytest

from portal_desktop.agent.phases import KEEP_WAITING, PhaseLine, describe, silent_seconds
from portal_desktop.messages import Phase, PhaseChanged
from tests.support.clock import FakeClock


async def test_phase_line_same_phase_again_keeps_counting(fake_clock: FakeClock) -> None:
    told: list[PhaseChanged] = []
    line = PhaseLine(fake_clock, told.append)
    line.enter(Phase.READING, fraction=0.1)
    await fake_clock.advance(5)
    line.enter(Phase.READING, fraction=0.1)
    line.enter(Phase.READING, fraction=0.2)
    assert [(change.fraction, change.started) for change in told] == [(0.1, 1000.0), (0.2, 1000.0)]


def test_phase_line_after_the_end_nothing_changes(fake_clock: FakeClock) -> None:
    told: list[PhaseChanged] = []
    line = PhaseLine(fake_clock, told.append)
    line.enter(Phase.WRITING)
    before = told[0]
    line.enter(Phase.STOPPED)
    line.enter(Phase.TOOL, "late")
    line.resume(before)
    assert [change.phase for change in told] == [Phase.WRITING, Phase.STOPPED]


@pytest.mark.spec("X-32")
@pytest.mark.parametrize(
    ("phase", "heard", "now", "words"),
    [
        (PhaseChanged(Phase.CONNECTING, "Ollama", None, 100), 100, 103, "Connecting to Ollama, 3 s"),
        (PhaseChanged(Phase.QUEUED, "", None, 100), 100, 101, "Waiting in queue, 1 s"),
        (PhaseChanged(Phase.LOADING, "", None, 100), 100, 104.9, "Loading model, 4 s"),
        (PhaseChanged(Phase.READING, "", 0.63, 100), 104, 105, "Reading prompt 63%, 5 s"),
        (PhaseChanged(Phase.THINKING, "", None, 100), 111, 112, "Thinking, 12 s"),
        (PhaseChanged(Phase.WRITING, "", None, 100), 105, 115, "Writing, 15 s, no reply for 10 s"),
        (PhaseChanged(Phase.WRITING, "", None, 100), 105, 117, "Writing, 17 s, no reply for 12 s"),
        (PhaseChanged(Phase.TOOL, "Add task", None, 100), 100, 130, "Calling Add task, 30 s"),
        (PhaseChanged(Phase.WAITING, "Run program", None, 100), 100, 160, "Waiting for you: Run program, 60 s"),
        (PhaseChanged(Phase.WAITING, KEEP_WAITING, None, 220), 100, 221, "No reply for 121 s. Keep waiting?"),
        (PhaseChanged(Phase.DONE, "", None, 100), 100, 160, "Done"),
        (PhaseChanged(Phase.STOPPED, "", None, 100), 100, 160, "Stopped"),
        (PhaseChanged(Phase.FAILED, "", None, 100), 100, 160, "Failed"),
    ],
)
def test_describe_each_phase_has_words_and_elapsed_time(
    phase: PhaseChanged, heard: float, now: float, words: str
) -> None:
    assert describe(phase, heard=heard, now=now) == words


def test_silent_seconds_before_ten_is_none() -> None:
    phase = PhaseChanged(Phase.LOADING, "", None, 100)
    assert silent_seconds(phase, 100, 109.9) is None
    assert silent_seconds(phase, 90, 110) == 10
