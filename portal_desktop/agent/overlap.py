"""Models that are asked to go on like to say the last words again; this takes them out while text streams."""

from __future__ import annotations

SHORTEST = 6
"""A shorter match is chance: after "10" the text "0 apples" must not lose its nought."""


class Overlap:
    """Holds new text back as long as it may be a repetition of the end of the old one."""

    def __init__(self, old: str) -> None:
        self._old = old
        self._held = ""
        self._decided = not old

    def feed(self, text: str) -> str:
        """Return what is certainly new."""
        if self._decided:
            return text
        self._held += text
        return "" if self._may_repeat() else self._decide()

    def end(self) -> str:
        """Return what is still held: nothing more comes."""
        return "" if self._decided else self._decide()

    def _may_repeat(self) -> bool:
        return not self._held.strip() or self._held.lstrip() in self._old

    def _decide(self) -> str:
        self._decided = True
        held = self._held
        bare = held.lstrip()
        place = self._old.find(bare[:SHORTEST]) if len(bare) >= SHORTEST else -1
        while place >= 0:
            size = len(self._old) - place
            if bare.startswith(self._old[place:]):
                return bare[size:]
            place = self._old.find(bare[:SHORTEST], place + 1)
        return held
