"""Rows and columns of Markdown tables, as far as the cutting into pieces needs them."""

from __future__ import annotations

import re
from collections.abc import Iterator


def split_cells(line: str) -> Iterator[str]:
    """Yield the cells of a table row; an escaped or quoted bar does not part them."""
    text = line.strip().removeprefix("|")
    if text.endswith("|") and not text.endswith("\\|"):
        text = text[:-1]
    yield from (cell.strip() for cell in re.split(r"(?<!\\)\|", text))


def count_cells(line: str) -> int:
    """Return how many cells a row has."""
    return sum(1 for _ in split_cells(line))


def column_weights(source: str) -> tuple[int, ...]:
    """Return widths in percent for the columns of a table, so that its pieces stand in line."""
    rows = [list(split_cells(line)) for index, line in enumerate(source.split("\n")[:12]) if index != 1]
    count = len(rows[0])
    longest = [max(min(60, max(4, len(row[i]))) for row in rows if i < len(row)) for i in range(count)]
    whole = sum(longest)
    return tuple(max(3, round(100 * part / whole)) for part in longest)


def column_sides(source: str) -> str:
    """Return the alignment of each column: l, c or r, from the line below the head."""
    lines = source.split("\n", 2)
    marks = list(split_cells(lines[1])) if len(lines) > 1 else []
    count = count_cells(lines[0])
    sides = "".join("c" if m[:1] == m[-1:] == ":" else "r" if m[-1:] == ":" else "l" for m in marks)
    return sides.ljust(count, "l")
