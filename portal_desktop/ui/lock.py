"""Who is first: one window process per home holds an advisory lock. No Qt, so that a start learns it at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO


class InstanceLock:
    """An advisory lock of the operating system on a file.

    It ends with the process that holds it, however that dies, so nothing stale can block a start; what the file
    contains is never read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def acquire(self) -> bool:
        """Return whether this process is the first; the lock is then held until `release` or the process's end."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._path.open("ab")
        try:
            _lock(file)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Let the next start be the first."""
        if self._file is not None:
            self._file.close()
            self._file = None


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
