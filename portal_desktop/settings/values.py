"""The values in force: environment, then the administrator's file, then the user's choice, then the default."""

from __future__ import annotations

import asyncio
import hashlib
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from portal_desktop.errors import SettingsError
from portal_desktop.settings.environment import Environment
from portal_desktop.settings.kinds import plain
from portal_desktop.settings.setting import Origin, Scope, Setting

T = TypeVar("T")

_REACH: Mapping[Origin, frozenset[Scope]] = {
    Origin.PERSONA: frozenset({Scope.PERSONA, Scope.CONVERSATION, Scope.MESSAGE}),
    Origin.CONVERSATION: frozenset({Scope.CONVERSATION, Scope.MESSAGE}),
    Origin.MESSAGE: frozenset({Scope.MESSAGE}),
}
_LARGEST_FILE = 1_000_000


class SettingsStore(Protocol):
    """Where the user's own values are kept; storage gives one at start."""

    async def load(self) -> dict[str, object]:
        """Return every saved value by its setting's id."""
        ...

    async def save(self, setting_id: str, value: object | None) -> None:
        """Keep a value of JSON's types; None forgets it."""
        ...


class Settings:
    """All settings with their present values.

    Construction reads nothing but the snapshot it is given. `load` reads the administrator's file, `attach` the
    user's values; before that the weaker layers hold. A value that cannot be used never vanishes silently: it is
    listed in `problems` until it is corrected, and the next layer holds meanwhile.

    `last_good` is a copy of the administrator's file as it last made sense; it holds while the file is broken or
    gone, also across a restart. An administrator ends it with an empty file.
    """

    def __init__(
        self,
        environment: Environment,
        admin_file: Path,
        last_good: Path,
        declarations: Sequence[Setting[Any]],
    ) -> None:
        self._environment = environment
        self._admin_file = admin_file
        self._last_good = last_good
        self._by_id = {setting.id: setting for setting in declarations}
        self._store: SettingsStore | None = None
        self._layers: dict[Origin, dict[str, Any]] = {Origin.ENVIRONMENT: {}, Origin.ADMIN_FILE: {}, Origin.USER: {}}
        self._problems: dict[Origin, tuple[SettingsError, ...]] = {}
        self._callbacks: list[Callable[[Setting[Any]], None]] = []

    @property
    def declarations(self) -> tuple[Setting[Any], ...]:
        """Every declared setting, in the order of the declarations."""
        return tuple(self._by_id.values())

    @property
    def problems(self) -> tuple[SettingsError, ...]:
        """What could not be used, per layer; empty when all is well."""
        return tuple(error for errors in self._problems.values() for error in errors)

    def load(self) -> None:
        """Read environment and administrator's file, before anybody listens."""
        self._change(Origin.ENVIRONMENT, *self._read_environment())
        self._take_file(self._read_admin_file())

    async def reload_file(self) -> None:
        """Read the administrator's file again, in a thread, and hand its values to all who listen.

        Either everybody takes them or nobody: when a listener refuses with a SettingsError, those before it are
        called again with the old values, which stay in force.
        """
        self._take_file(await asyncio.to_thread(self._read_admin_file))

    def file_digest(self) -> bytes:
        """Return what changes when the administrator's file does; blocking."""
        try:
            return hashlib.sha256(_read_bytes(self._admin_file)).digest()
        except (OSError, ValueError) as error:
            return type(error).__name__.encode()

    async def attach(self, store: SettingsStore) -> None:
        """Take the user's values from storage from now on."""
        self._store = store
        await self.reload()

    async def reload(self) -> None:
        """Read the user's values again: another window or process changed them.

        A table that cannot be read leaves the values as they are, and is listed in `problems`.
        """
        if self._store is None:
            return
        try:
            stored = await self._store.load()
        except SettingsError as error:
            self._problems[Origin.USER] = (error,)
            return
        values: dict[str, Any] = {}
        problems: list[SettingsError] = []
        for name, value in stored.items():
            setting = self._by_id.get(name)
            if setting is None:
                continue
            try:
                values[name] = setting.kind.check(value)
            except ValueError as error:
                problems.append(_bad(name, error))
        self._change(Origin.USER, values, tuple(problems))

    def get(self, setting: Setting[T]) -> T:
        """Return the value in force."""
        return self._find(setting)[0]

    def origin(self, setting: Setting[Any]) -> Origin:
        """Return which layer the value in force comes from."""
        return self._find(setting)[1]

    def locked(self, setting: Setting[Any]) -> str:
        """Return why the user cannot change it, in words; empty when they can."""
        origin = self.origin(setting)
        if origin is Origin.ENVIRONMENT:
            return f"it is fixed by the environment variable {setting.variable}"
        if origin is Origin.ADMIN_FILE:
            return f"it is fixed by {self._admin_file}"
        return ""

    async def set(self, setting: Setting[T], value: object) -> None:
        """Check, save and announce the user's value.

        Raises:
            SettingsError: it names the field and the problem, a listener's refusal included; nothing was changed.
        """
        checked = self.check(setting, value)
        if reason := self.locked(setting):
            raise _bad(setting.id, reason)
        if self._store is None:
            raise _bad(setting.id, "the database is not open")
        before = self._layers[Origin.USER].get(setting.id)
        await self._store.save(setting.id, plain(checked))
        try:
            self._change(Origin.USER, {**self._layers[Origin.USER], setting.id: checked}, self._user_problems(setting))
        except SettingsError:
            await self._store.save(setting.id, plain(before))
            raise

    async def reset(self, setting: Setting[Any]) -> None:
        """Forget the user's value and announce the one that holds now."""
        if self._store is None:
            raise _bad(setting.id, "the database is not open")
        await self._store.save(setting.id, None)
        rest = {name: value for name, value in self._layers[Origin.USER].items() if name != setting.id}
        self._change(Origin.USER, rest, self._user_problems(setting))

    def check(self, setting: Setting[T], value: object) -> T:
        """Return the value in the setting's type without saving it.

        Raises:
            SettingsError: it names the field and the problem.
        """
        try:
            return setting.kind.validate(value, setting.id)
        except ValueError as error:
            raise _bad(setting.id, error) from error

    def effective(
        self, setting: Setting[T], overrides: Sequence[tuple[Origin, Mapping[str, object]]]
    ) -> tuple[T, Origin]:
        """Return the value for one message and why: message, conversation, persona, else the app's layers.

        Raises:
            SettingsError: an override is out of bounds, or stands where this setting has no place.
        """
        given = {origin: values[setting.id] for origin, values in overrides if setting.id in values}
        for origin in given:
            if setting.scope not in _REACH.get(origin, frozenset()):
                raise _bad(setting.id, f"it cannot be set for one {origin.value}")
        for origin in (Origin.MESSAGE, Origin.CONVERSATION, Origin.PERSONA):
            if origin in given:
                return self.check(setting, given[origin]), origin
        return self._find(setting)

    def subscribe(self, callback: Callable[[Setting[Any]], None]) -> Callable[[], None]:
        """Call back with each setting whose value in force changed; the returned function ends it."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback) if callback in self._callbacks else None

    def _find(self, setting: Setting[T]) -> tuple[T, Origin]:
        for origin, values in self._layers.items():
            if setting.id in values:
                return values[setting.id], origin
        return setting.default, Origin.DEFAULT

    def _change(self, origin: Origin, values: dict[str, Any], problems: tuple[SettingsError, ...]) -> None:
        before = {name: self.get(setting) for name, setting in self._by_id.items()}
        old_values, old_problems = self._layers[origin], self._problems.get(origin, ())
        self._layers[origin], self._problems[origin] = values, problems
        changed = [setting for name, setting in self._by_id.items() if self.get(setting) != before[name]]
        told: list[tuple[Callable[[Setting[Any]], None], Setting[Any]]] = []
        try:
            for setting in changed:
                for callback in tuple(self._callbacks):
                    callback(setting)
                    told.append((callback, setting))
        except SettingsError:
            self._layers[origin], self._problems[origin] = old_values, old_problems
            for callback, setting in reversed(told):
                callback(setting)
            raise

    def _take_file(self, read: tuple[dict[str, Any], tuple[SettingsError, ...], str | None]) -> None:
        values, problems, text = read
        try:
            self._change(Origin.ADMIN_FILE, values, problems)
            if text is not None:
                self._keep_good(text)
        except OSError as error:
            self._problems[Origin.ADMIN_FILE] = (_bad_file(self._last_good, error),)
        except SettingsError as error:
            self._problems[Origin.ADMIN_FILE] = (error,)

    def _user_problems(self, corrected: Setting[Any]) -> tuple[SettingsError, ...]:
        return tuple(e for e in self._problems.get(Origin.USER, ()) if e.values["field"] != corrected.id)

    def _read_environment(self) -> tuple[dict[str, Any], tuple[SettingsError, ...]]:
        values: dict[str, Any] = {}
        problems = []
        for setting in self._by_id.values():
            text = self._environment.text(setting)
            if text is None:
                continue
            try:
                parsed = setting.kind.parse(text)
                values[setting.id] = setting.kind.validate(parsed, setting.id)
            except ValueError as error:
                problems.append(_bad(setting.variable, error))
        return values, tuple(problems)

    def _read_admin_file(self) -> tuple[dict[str, Any], tuple[SettingsError, ...], str | None]:
        """Return values, problems, and the file's text when it makes sense."""
        try:
            text = _read(self._admin_file)
            return self._parse_admin(text), (), text
        except FileNotFoundError:
            return self._fallback(), (), None
        except (OSError, ValueError) as error:
            return self._fallback(), (_bad_file(self._admin_file, error),), None

    def _parse_admin(self, text: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in _flat(tomllib.loads(text), self._by_id):
            setting = self._by_id.get(name)
            if setting is None:
                raise ValueError(f"there is no setting {name}")
            try:
                values[name] = setting.kind.validate(value, name)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        return values

    def _keep_good(self, text: str) -> None:
        if _read_or_none(self._last_good) == text:
            return
        self._last_good.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._last_good.with_suffix(".new")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self._last_good)

    def _fallback(self) -> dict[str, Any]:
        if self._layers[Origin.ADMIN_FILE]:
            return self._layers[Origin.ADMIN_FILE]
        text = _read_or_none(self._last_good)
        try:
            return {} if text is None else self._parse_admin(text)
        except ValueError:
            return {}


def _flat(table: Mapping[str, object], known: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and name not in known:
            yield from _flat(value, known, f"{name}.")
        else:
            yield name, value


def _read(file: Path) -> str:
    return _read_bytes(file).decode("utf-8-sig")


def _read_bytes(file: Path) -> bytes:
    with file.open("rb") as stream:
        content = stream.read(_LARGEST_FILE + 1)
    if len(content) > _LARGEST_FILE:
        raise ValueError("it is larger than 1 MB")
    return content


def _read_or_none(file: Path) -> str | None:
    try:
        return _read(file)
    except (OSError, ValueError):
        return None


def _bad(field: str, problem: object) -> SettingsError:
    return SettingsError("bad_setting", field=field, problem=problem)


def _bad_file(file: Path, error: Exception) -> SettingsError:
    problem = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return SettingsError("bad_settings_file", file=file.name, problem=problem, technical=str(file))
