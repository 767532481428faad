"""Where files live: the platform's folders, or everything below one home."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs

APP = "portal-desktop"


def resources() -> Path:
    """Return the folder of the files that ship with the program: inside the package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "resources"
    return installed if installed.is_dir() else package.parent / "resources"


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders of one home; nothing is created until `create` is called."""

    data: Path
    config: Path
    cache: Path
    logs: Path

    @classmethod
    def below(cls, home: Path) -> Paths:
        """Return folders that all lie below one home (`PORTAL_HOME`)."""
        root = home.expanduser().resolve()
        return cls(data=root / "data", config=root / "config", cache=root / "cache", logs=root / "logs")

    @classmethod
    def of_platform(cls) -> Paths:
        """Return the platform's own folders for this user."""
        folders = platformdirs.PlatformDirs(APP, appauthor=False, roaming=False)
        return cls(
            data=folders.user_data_path,
            config=folders.user_config_path,
            cache=folders.user_cache_path,
            logs=folders.user_log_path,
        )

    @property
    def database(self) -> Path:
        """The one SQLite file."""
        return self.data / "portal.db"

    @property
    def backups(self) -> Path:
        """Verified copies of the database."""
        return self.data / "backups"

    @property
    def models(self) -> Path:
        """Model files the embedded engine may load."""
        return self.data / "models"

    @property
    def lock(self) -> Path:
        """The file whose advisory lock marks the running instance."""
        return self.data / "instance.lock"

    @property
    def crashes(self) -> Path:
        """Local crash reports; never sent anywhere."""
        return self.logs / "crashes"

    @property
    def admin_file(self) -> Path:
        """The optional read-only `portal.toml` of an administrator."""
        return self.config / "portal.toml"

    def create(self) -> None:
        """Make the folders, readable by this user only.

        Raises:
            OSError: a folder cannot be made; the caller turns it into a start-up error.
        """
        for folder in (self.data, self.config, self.cache, self.logs, self.backups, self.models):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
