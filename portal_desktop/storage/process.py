"""Which process wrote a row or a file, and whether it still lives; a number given to another one does not count."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path

MARK = ".unfinished~"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def process_token(pid: int | None = None) -> str:
    """Return ``pid:start`` of a living process (of this one without a number), or an empty text for a dead one.

    The start marker differs between two processes that got the same number, also across restarts of the computer.
    """
    number = os.getpid() if pid is None else pid
    started = _start_of(number)
    return f"{number}:{started}" if started else ""


def is_alive(token: str) -> bool:
    """Tell whether the very process that made this token still runs."""
    number, _, _ = token.partition(":")
    return number.isdecimal() and process_token(int(number)) == token


def unfinished_name(path: Path) -> Path:
    """Return a name beside `path` that no other work uses, for a file that is not complete yet."""
    token = process_token().replace(":", "=")
    return path.with_name(f"{path.name}{MARK}{token}~{uuid.uuid4().hex[:8]}")


def sweep_unfinished(folder: Path) -> None:
    """Remove the unfinished files of processes that died over them; none of them ever was anybody's data."""
    for leftover in folder.glob(f"*{MARK}*"):
        token = leftover.name.partition(MARK)[2].partition("~")[0]
        if not is_alive(token.replace("=", ":", 1)):
            leftover.unlink(missing_ok=True)


if sys.platform == "linux":

    def _start_of(pid: int) -> str:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            boot = BOOT_ID.read_text(encoding="utf-8").strip()
        except OSError:
            return ""
        state, started = fields[0], fields[19]
        return "" if state in {"Z", "X"} else f"{boot}-{started}"

elif sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    def _start_of(pid: int) -> str:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        query_limited_information, still_active = 0x1000, 259
        kernel.OpenProcess.restype = wintypes.HANDLE
        handle = wintypes.HANDLE(kernel.OpenProcess(query_limited_information, 0, pid))
        if not handle:
            return ""
        try:
            created, ended, in_kernel, in_user = (wintypes.FILETIME() for _ in range(4))
            code = wintypes.DWORD()
            kernel.GetExitCodeProcess(handle, ctypes.byref(code))
            times = (ctypes.byref(moment) for moment in (created, ended, in_kernel, in_user))
            if code.value != still_active or not kernel.GetProcessTimes(handle, *times):
                return ""
            return f"{created.dwHighDateTime:x}{created.dwLowDateTime:08x}"
        finally:
            kernel.CloseHandle(handle)

else:
    import subprocess

    def _start_of(pid: int) -> str:
        found = subprocess.run(  # noqa: S603 - a fixed program and a number
            ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False, timeout=5
        )
        return found.stdout.strip()
