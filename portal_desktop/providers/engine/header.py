"""Reads what a GGUF file says of itself, without the engine and without trusting a number in it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, TypeAlias

MAGIC = b"GGUF"
VERSIONS = frozenset({2, 3})
MOST_ENTRIES = 100_000
MOST_TEXT = 16 * 2**20
"""Bytes of one text; chat templates are the longest real ones."""

Value: TypeAlias = int | float | bool | str | None

SCALARS: Mapping[int, str] = MappingProxyType(
    {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
)
TEXT, ARRAY = 8, 9

BLOCKS: Mapping[int, tuple[int, int]] = MappingProxyType(
    {
        0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40),
        10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
        16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
        23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
        34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18),
    }
)  # fmt: skip
"""Values per block and bytes per block of each tensor type."""

FILE_TYPES: Mapping[int, str] = MappingProxyType(
    {
        0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
        12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
        19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL",
        26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0",
        37: "TQ2_0", 38: "MXFP4_MOE", 39: "NVFP4", 40: "Q1_0",
    }
)  # fmt: skip


class BadHeader(ValueError):  # noqa: N818 - reads as what it is
    """The file is not a complete GGUF file; the text says where it stops being one."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a model file says of itself; arrays (the vocabulary) are passed over."""

    values: Mapping[str, Value]
    tensors: int
    size: int

    def text(self, key: str) -> str:
        """Return a text value; empty when it is absent or no text."""
        value = self.values.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int | None:
        """Return a whole number; None when it is absent or none."""
        value = self.values.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    @property
    def architecture(self) -> str:
        """The name the other keys start with."""
        return self.text("general.architecture")

    def of_architecture(self, key: str) -> int | None:
        """Return a number that stands below the architecture's name."""
        return self.number(f"{self.architecture}.{key}")


def read_header(path: Path) -> Header:
    """Read a file's header and check that every tensor it announces is inside the file. Blocks; use a thread.

    Raises:
        BadHeader: the file is something else, damaged or cut off.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return _Reader(file, path.stat().st_size).header()


class _Reader:
    """Walks through a header; every length is checked against the file's size before it is believed."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size

    def header(self) -> Header:
        if self._take(4) != MAGIC:
            raise BadHeader("it does not begin with GGUF")
        if (version := self._scalar("I")) not in VERSIONS:
            raise BadHeader(f"version {version} of the format is not known")
        tensors = self._count(self._scalar("Q"))
        entries = self._count(self._scalar("Q"))
        values: dict[str, Value] = {}
        for _ in range(entries):
            key = self._text()
            values[key] = self._value(self._scalar("I"))
        header = Header(MappingProxyType(values), tensors, self._size)
        if not header.architecture:
            raise BadHeader("it names no architecture")
        self._check_tensors(tensors, header.number("general.alignment") or 32)
        return header

    def _take(self, length: int) -> bytes:
        data = self._file.read(length) if length <= self._size else b""
        if len(data) != length:
            raise BadHeader("it ends inside its header")
        return data

    def _scalar(self, form: str) -> int:
        form = f"<{form}"
        (value,) = struct.unpack(form, self._take(struct.calcsize(form)))
        return value  # type: ignore[no-any-return]  # struct cannot say which type

    def _count(self, number: int) -> int:
        if number > MOST_ENTRIES:
            raise BadHeader(f"it announces {number} entries")
        return number

    def _text(self) -> str:
        length = self._scalar("Q")
        if length > MOST_TEXT:
            raise BadHeader(f"it announces a text of {length} bytes")
        return self._take(length).decode(errors="replace")

    def _value(self, kind: int) -> Value:
        if kind == TEXT:
            return self._text()
        if kind == ARRAY:
            self._pass_array()
            return None
        if kind not in SCALARS:
            raise BadHeader(f"it holds a value of unknown type {kind}")
        return self._scalar(SCALARS[kind])

    def _pass_array(self) -> None:
        kind = self._scalar("I")
        count = self._scalar("Q")
        if kind in SCALARS:
            self._pass(count * struct.calcsize(f"<{SCALARS[kind]}"))
        elif kind == TEXT:
            for _ in range(self._inside(count)):
                self._pass(self._scalar("Q"))
        else:
            raise BadHeader(f"it holds an array of unknown type {kind}")

    def _pass(self, length: int) -> None:
        self._file.seek(self._inside(self._file.tell() + length))

    def _inside(self, number: int) -> int:
        if number > self._size:
            raise BadHeader("it ends inside its header")
        return number

    def _check_tensors(self, count: int, alignment: int) -> None:
        end = 0
        for _ in range(count):
            self._text()
            dimensions = self._scalar("I")
            if dimensions > 8:
                raise BadHeader(f"a tensor has {dimensions} dimensions")
            values = 1
            for _ in range(dimensions):
                values *= self._scalar("Q")
            block, size = BLOCKS.get(self._scalar("I"), (1, 0))
            end = max(end, self._scalar("Q") + values // block * size)
        start = -(-self._file.tell() // alignment) * alignment
        if start + end > self._size:
            missing = start + end - self._size
            raise BadHeader(f"it is cut off: {missing} of {start + end} bytes are missing")
