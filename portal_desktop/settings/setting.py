"""What the declaration of one setting consists of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from portal_desktop.settings.kinds import Choice, Duration, Kind, Maybe, Number, Whole

T = TypeVar("T")


class Scope(StrEnum):
    """The narrowest place that may give a setting its own value; everything from APP down to it may."""

    APP = "app"
    PERSONA = "persona"
    CONVERSATION = "conversation"
    MESSAGE = "message"


class Origin(StrEnum):
    """Where an effective value comes from, strongest first within the app."""

    MESSAGE = "message"
    CONVERSATION = "conversation"
    PERSONA = "persona"
    ENVIRONMENT = "environment"
    ADMIN_FILE = "admin_file"
    USER = "user"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """One declaration. `page` is the settings page it stands on; `restart` says a change waits for the next start."""

    id: str
    kind: Kind[T]
    default: T
    title: str
    help: str
    page: str
    scope: Scope = Scope.APP
    secret: bool = False
    restart: bool = False
    named: str = ""

    @property
    def variable(self) -> str:
        """The environment variable that overrules every other value."""
        return self.named or "PORTAL_" + self.id.upper().replace(".", "_")

    @property
    def minimum(self) -> float | None:
        """The smallest number allowed, where the value is a number."""
        bounds = self._bounds()
        return bounds.minimum if bounds else None

    @property
    def maximum(self) -> float | None:
        """The largest number allowed, where the value is a number."""
        bounds = self._bounds()
        return bounds.maximum if bounds else None

    @property
    def choices(self) -> tuple[str, ...]:
        """The words to choose from, where the value is one of a few."""
        return self.kind.choices if isinstance(self.kind, Choice) else ()

    def _bounds(self) -> Whole | Number | Duration | None:
        kind = self.kind.of if isinstance(self.kind, Maybe) else self.kind
        return kind if isinstance(kind, Whole | Number | Duration) else None
