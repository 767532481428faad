"""The only place that reads the environment of the process."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from portal_desktop.paths import Paths

if TYPE_CHECKING:
    from portal_desktop.settings.setting import Setting

HOME = "PORTAL_HOME"
PREFIX = "PORTAL_"
SET_FOR_CHILDREN = ("PORTAL_ENGINE_KEY",)
"""Variables the app gives to its own child processes; a person's value for them is never used."""


class Environment:
    """A snapshot of the variables, taken once; later changes of the process's environment are not seen.

    `process` is the whole snapshot for those who need variables that are not ours (proxies, child processes, terminal).
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.process: Mapping[str, str] = MappingProxyType(dict(variables))

    @classmethod
    def of_process(cls) -> Environment:
        """Return the variables this program was started with."""
        return cls(os.environ)

    @property
    def paths(self) -> Paths:
        """The folders of `PORTAL_HOME`, or of the platform without it."""
        home = self.process.get(HOME, "")
        return Paths.below(Path(home)) if home else Paths.of_platform()

    def text(self, setting: Setting[Any]) -> str | None:
        """Return what the setting's variable says, None when it is not set."""
        return self.process.get(setting.variable)

    def unknown(self, declarations: Sequence[Setting[Any]]) -> tuple[str, ...]:
        """Return the `PORTAL_*` variables that nothing reads: misspelt, most likely."""
        read = {HOME, *SET_FOR_CHILDREN, *(setting.variable for setting in declarations)}
        return tuple(sorted(name for name in self.process if name.startswith(PREFIX) and name not in read))
