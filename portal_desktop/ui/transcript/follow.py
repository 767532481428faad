"""Who moves the view: the reader or the growing answer. A state machine without widgets.

    HELD ──────── near the end, downwards ───────▶ FOLLOWING
    FOLLOWING ─── up by more than 6 px ──────────▶ HELD
    any ───────── own message sent ──────────────▶ PLACED    (near the top, room below)
    PLACED ────── answer fills the room ─────────▶ FOLLOWING (or it stays, when the setting says so)
    PLACED ────── up by more than 6 px ──────────▶ HELD
    any ───────── "to bottom" ───────────────────▶ FOLLOWING

Scrolling by the program is no event here: only what the reader does is told to this machine.
"""

from __future__ import annotations

from enum import StrEnum

LEAVE_PIXELS = 6
NEAR_PIXELS = 100
JUMP_VIEWPORTS = 3


class State(StrEnum):
    """Who moves the view."""

    HELD = "held"
    FOLLOWING = "following"
    PLACED = "placed"


class Move(StrEnum):
    """What the view does after an event."""

    STAY = "stay"
    GLIDE_TO_END = "glide_to_end"
    JUMP_TO_END = "jump_to_end"
    PLACE_OWN = "place_own"


class BottomFollow:
    """Decides whether the view follows the end. `keep_own` leaves the own message where it was put."""

    def __init__(self, *, keep_own: bool = False) -> None:
        self.state = State.FOLLOWING
        self.keep_own = keep_own
        self.selecting = False
        self._upwards = 0

    def sent(self) -> Move:
        """The user sent a message."""
        self.state = State.PLACED
        self._upwards = 0
        return Move.PLACE_OWN

    def opened(self, *, at_end: bool) -> None:
        """Another conversation is shown."""
        self.state = State.FOLLOWING if at_end else State.HELD
        self._upwards = 0

    def scrolled(self, pixels: int, distance: int) -> None:
        """The reader scrolled: positive is downwards, `distance` is what now lies below the view."""
        if pixels < 0:
            self._upwards -= pixels
            if self._upwards > LEAVE_PIXELS:
                self.state = State.HELD
            return
        self._upwards = 0
        if pixels > 0 and distance <= NEAR_PIXELS and self.state is State.HELD:
            self.state = State.FOLLOWING

    def asked_for_end(self, distance: int, viewport: int) -> Move:
        """The reader pressed "to bottom" or End."""
        self.state = State.FOLLOWING
        self._upwards = 0
        return _way(distance, viewport)

    def grew(self, distance: int, viewport: int) -> Move:
        """The content changed its height and `distance` now lies below the view."""
        if self.selecting or self.state is State.HELD or distance <= 0:
            return Move.STAY
        if self.state is State.PLACED:
            if self.keep_own:
                return Move.STAY
            self.state = State.FOLLOWING
        return _way(distance, viewport)


def wants_button(distance: int, viewport: int) -> bool:
    """Return whether the end is more than one view away, so that the way there is offered."""
    return distance > viewport


def _way(distance: int, viewport: int) -> Move:
    return Move.JUMP_TO_END if distance > JUMP_VIEWPORTS * viewport else Move.GLIDE_TO_END
