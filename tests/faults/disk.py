"""A disk in memory under SQLite: it forgets what was not synced when the power goes, or fails at a chosen step."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import apsw

SECTOR = 512
POWERSAFE_OVERWRITE = 0x1000


class PowerCutError(apsw.IOError):
    """The power is gone; nothing after it happens."""


class DiskFile:
    """Bytes as a program sees them, bytes that are safe, and the writes between the two."""

    def __init__(self, content: bytes = b"") -> None:
        self.seen = bytearray(content)
        self.safe = bytearray(content)
        self.unsynced: list[tuple[int, bytes | None]] = []

    def write(self, offset: int, data: bytes) -> None:
        _put(self.seen, offset, data)
        self.unsynced.append((offset, data))

    def truncate(self, size: int) -> None:
        _cut(self.seen, size)
        self.unsynced.append((size, None))

    def sync(self) -> None:
        self.safe = bytearray(self.seen)
        self.unsynced.clear()

    def after_the_cut(self, dice: random.Random) -> bytes:
        """Return what a real disk might hold: each later write is there, gone, or torn."""
        left = bytearray(self.safe)
        for offset, data in self.unsynced:
            luck = dice.random()
            if luck < 0.5:
                continue
            if data is None:
                _cut(left, offset)
            elif luck < 0.65 and len(data) > SECTOR:
                torn = dice.randrange(1, (len(data) + SECTOR - 1) // SECTOR) * SECTOR
                _put(left, offset, data[:torn])
            else:
                _put(left, offset, data)
        return bytes(left)


class Disk(apsw.VFS):
    """A file system of its own; `step` is asked before every write, truncation and sync, and may raise."""

    def __init__(self, name: str, step: Callable[[str], None] = lambda _: None) -> None:
        self.name = name
        self.files: dict[str, DiskFile] = {}
        self.step = step
        super().__init__(name, "")

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> Handle:
        text = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        if text not in self.files and not flags[0] & apsw.SQLITE_OPEN_CREATE:
            raise apsw.CantOpenError(text)
        flags[1] = flags[0]
        return Handle(self, self.files.setdefault(text, DiskFile()))

    def xFullPathname(self, name: str) -> str:
        return name

    def xAccess(self, name: str, flags: int) -> bool:
        return name in self.files

    def xDelete(self, name: str, sync: bool) -> None:
        self.step("delete")
        self.files.pop(name, None)

    def excepthook(self, *_: object) -> None:
        """SQLite is told by the result; nothing is printed."""

    def save(self, path: Path, dice: random.Random) -> None:
        """Write what is left after a cut to real files."""
        for name, file in self.files.items():
            path.with_name(Path(name).name).write_bytes(file.after_the_cut(dice))


class Handle:
    """An open file of such a disk; one process, so locks are always free."""

    def __init__(self, disk: Disk, file: DiskFile) -> None:
        self._disk = disk
        self._file = file

    def excepthook(self, *_: object) -> None:
        """Return without a word, as above."""

    def xRead(self, amount: int, offset: int) -> bytes:
        return bytes(self._file.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.step("write")
        self._file.write(offset, bytes(data))

    def xTruncate(self, size: int) -> None:
        self._disk.step("truncate")
        self._file.truncate(size)

    def xSync(self, flags: int) -> None:
        self._disk.step("sync")
        self._file.sync()

    def xFileSize(self) -> int:
        return len(self._file.seen)

    def xLock(self, level: int) -> None: ...

    def xUnlock(self, level: int) -> None: ...

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, _operation: int, _pointer: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return SECTOR

    def xDeviceCharacteristics(self) -> int:
        return POWERSAFE_OVERWRITE

    def xClose(self) -> None: ...


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _cut(content: bytearray, size: int) -> None:
    if len(content) > size:
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))
