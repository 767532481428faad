"""What SQLite and the disk say, turned into the storage errors a user reads; decided by codes, never by words."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import apsw

from portal_desktop.errors import StorageError

FULL_CODES = frozenset({apsw.SQLITE_FULL, apsw.SQLITE_IOERR_WRITE, apsw.SQLITE_IOERR_SHMSIZE})
READ_ONLY_CODES = frozenset({apsw.SQLITE_READONLY, apsw.SQLITE_PERM, apsw.SQLITE_AUTH})
LOCKED_CODES = frozenset({apsw.SQLITE_BUSY, apsw.SQLITE_LOCKED, apsw.SQLITE_PROTOCOL})
DAMAGED_CODES = frozenset({apsw.SQLITE_CORRUPT, apsw.SQLITE_NOTADB, apsw.SQLITE_FORMAT})


def storage_error(error: BaseException, path: Path) -> StorageError:
    """Return the error of the catalogue for a failure of SQLite or the operating system.

    IOERR_WRITE (778) is what a quota or a file-size limit looks like and counts as a full disk.
    """
    if isinstance(error, StorageError):
        return error
    if isinstance(error, apsw.Error):
        return _from_sqlite(error, path)
    if isinstance(error, OSError):
        return _from_system(error, path)
    if isinstance(error, UnicodeDecodeError):
        return StorageError("database_damaged", technical=f"{path.name}: text that is not UTF-8")
    return StorageError("storage_failed", technical=f"{type(error).__name__}: {error}")


def _from_sqlite(error: apsw.Error, path: Path) -> StorageError:
    extended = getattr(error, "extendedresult", 0) or getattr(error, "result", 0)
    code = extended & 0xFF
    technical = f"SQLite {extended}: {error}"
    if extended in FULL_CODES or code in FULL_CODES:
        return StorageError("disk_full", technical=technical)
    if code in LOCKED_CODES:
        return StorageError("database_locked", technical=technical)
    if code in DAMAGED_CODES:
        return StorageError("database_damaged", technical=technical)
    if code in READ_ONLY_CODES or (code == apsw.SQLITE_CANTOPEN and not _writable(path)):
        return StorageError("database_read_only", technical=technical, folder=str(path.parent))
    return StorageError("storage_failed", technical=technical)


def _from_system(error: OSError, path: Path) -> StorageError:
    technical = f"{errno.errorcode.get(error.errno or 0, 'OSError')}: {path.name}"
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return StorageError("disk_full", technical=technical)
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return StorageError("database_read_only", technical=technical, folder=str(path.parent))
    return StorageError("storage_failed", technical=technical)


def _writable(path: Path) -> bool:
    if not os.access(path.parent, os.W_OK):
        return False
    return not path.exists() or os.access(path, os.W_OK)
