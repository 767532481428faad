"""The composition root: builds every object below the faces once and owns the order of start and stop."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import tzinfo
from functools import partial
from typing import Any

from portal_desktop.chat.changes import TurnChanges
from portal_desktop.chat.history import History
from portal_desktop.chat.live import LiveChats
from portal_desktop.clock import Clock, SystemClock, local_zone
from portal_desktop.credentials import Credentials, Secret
from portal_desktop.doctor import Doctor
from portal_desktop.errors import PortalError, SettingsError
from portal_desktop.events import (
    BackupFinished,
    Bus,
    ConversationsChanged,
    EndpointFound,
    EndpointLost,
    KeyringChanged,
    LoopLagged,
    RequestFinished,
    SettingChanged,
    SettingsRefused,
    TasksChanged,
)
from portal_desktop.log import LogHandle, get_logger, setup
from portal_desktop.metrics import HealthWatch, LoopWatch, Metrics, Restarts
from portal_desktop.net import HostLog, Network
from portal_desktop.paths import Paths, resources
from portal_desktop.prompts.library import Library
from portal_desktop.providers.catalogue import Catalogue
from portal_desktop.providers.discovery import Discovery, Service
from portal_desktop.providers.engine.engine import Engine
from portal_desktop.providers.engine.launch import engine_command, engine_threads
from portal_desktop.providers.engine.models import ModelFiles
from portal_desktop.providers.engine.provider import EngineProvider
from portal_desktop.providers.registry import Providers
from portal_desktop.settings import SETTINGS, AdminFileWatcher, Environment, Settings, declared
from portal_desktop.settings.setting import Setting
from portal_desktop.storage.audit import AuditRows
from portal_desktop.storage.backup import Backups
from portal_desktop.storage.conversations import Conversations
from portal_desktop.storage.copies import Backup, Reason, Verdict
from portal_desktop.storage.database import Database
from portal_desktop.storage.faults import storage_error
from portal_desktop.storage.results import ResultRows
from portal_desktop.storage.settings import SettingRows
from portal_desktop.storage.tasks import TaskRows
from portal_desktop.storage.turns import TurnRows
from portal_desktop.tasks import TaskBook
from portal_desktop.tools.calculate import calculate_tools
from portal_desktop.tools.clock import clock_tools
from portal_desktop.tools.registry import ToolRegistry, ToolRun
from portal_desktop.tools.results import result_tools
from portal_desktop.tools.tasks import task_tools

STOP_SECONDS = 5.0
LOOK_SECONDS = 0.5
"""How often the file is asked whether another process wrote to it."""

BACKUP_SECONDS = 3600.0
"""How often is looked whether a backup is due."""

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")

log = get_logger("assembly")


class Core:
    """Everything below the faces. Construction does no work; `start` opens, `stop` closes in the reverse order."""

    def __init__(
        self,
        paths: Paths,
        environment: Environment,
        *,
        clock: Clock | None = None,
        program: str = "desktop",
        ports: Iterable[int] | None = None,
    ) -> None:
        self.paths = paths
        self.environment = environment
        self.clock: Clock = clock or SystemClock()
        self.program = program
        self.bus = Bus(self.clock)
        self.metrics = Metrics(self.clock)
        self.settings = Settings(environment, paths.admin_file, paths.config / "portal.last-good.toml", SETTINGS)
        self._log: LogHandle | None = None
        self._version = 0
        self._watchers: set[asyncio.Task[None]] = set()
        self._writes: set[asyncio.Task[None]] = set()
        self._build_storage()
        self._build_models(ports)
        self._build_tools()
        self._build_chats()

    def _build_storage(self) -> None:
        self.database = Database(self.paths.database, clock=self.clock, backups=self.paths.backups)
        self.conversations = Conversations(self.database, self.clock)
        self.turns = TurnRows(self.database, self.clock)
        self.audit = AuditRows(self.database, self.clock)
        self.results = ResultRows(self.database, self.clock)
        self.setting_rows = SettingRows(self.database, self.clock)
        self.backups = Backups(self.database, self.paths.backups, self.clock)
        self.credentials = Credentials(self.paths.config / "secrets.bin", self.setting_rows)
        self.book = TaskBook(TaskRows(self.database, self.clock), self.clock, self.zone, bus=self.bus)

    def _build_models(self, ports: Iterable[int] | None) -> None:
        settings = self.settings
        variables = self.environment.process
        self.hosts = HostLog()
        self.network = Network(
            self.clock,
            proxies={name: variables.get(name) or variables.get(name.upper(), "") for name in PROXIES},
            local_only=lambda: settings.get(declared.LOCAL_ONLY),
            host_log=self.hosts.add,
        )
        chat, embedder = (self._engine(embedding=embedding) for embedding in (False, True))
        self._engines = (chat, embedder)
        engine = EngineProvider(ModelFiles(self.paths.models), chat, embedder, self.network)
        self.providers = Providers(
            self.network,
            settings,
            self._credential,
            built_in=(engine,),
            holders=lambda model: self.catalogue.holders(model),  # noqa: PLW0108 - the catalogue is built after it
        )
        self.catalogue = Catalogue(self.providers.providers, self.clock, self.bus.publish)
        self.discovery = Discovery(
            self.network,
            self.clock,
            self.bus.publish,
            extra_ports=lambda: settings.get(declared.EXTRA_PORTS),
            enabled=lambda: settings.get(declared.DISCOVERY),
            changed=self.providers.set_discovered,
            **({} if ports is None else {"usual_ports": tuple(ports)}),
        )

    def _build_tools(self) -> None:
        self.tools = ToolRegistry(self.clock, store=self.results, observe=self._record_run)
        self.tools.load("tasks", lambda: task_tools(self.book))
        self.tools.load("clock", lambda: clock_tools(self.clock, self.zone))
        self.tools.load("calculate", calculate_tools)
        self.tools.load("results", lambda: result_tools(self.results))

    def _build_chats(self) -> None:
        self.library = Library(resources() / "prompts")
        self.history = History(self.conversations, self.bus)
        self.changes = TurnChanges(self.turns, self.book)
        self.live = LiveChats(
            conversations=self.conversations,
            turns=self.turns,
            resolve=self.providers.resolve,
            tools=self.tools,
            settings=self.settings,
            library=self.library,
            bus=self.bus,
            clock=self.clock,
            zone=self.zone,
            facts=self.catalogue.facts,
            redact=self._redact,
        )

    def _record_run(self, run: ToolRun) -> None:
        self.metrics.tool(run.call.name, ok=run.ok)
        details = {
            "tool": run.call.name,
            "arguments": self._redact(json.dumps(run.arguments, ensure_ascii=False, default=str)),
            "conversation": run.context.conversation_id,
            "turn": run.context.turn_id,
            "repairs": list(run.repairs),
            "ok": run.ok,
            "code": run.code,
        }
        self._spawn(self._audit("tool_ran", run.context.actor, details), self._writes)

    async def _audit(self, kind: str, actor: str, details: Mapping[str, object]) -> None:
        await self.audit.append(kind, actor, details)

    def _count_request(self, event: RequestFinished) -> None:
        self.metrics.request(
            event.first_token_seconds, event.seconds, event.completion_tokens, failed=bool(event.error_name)
        )

    def _engine(self, *, embedding: bool) -> Engine:
        return Engine(
            engine_command(frozen=bool(getattr(sys, "frozen", False))),
            self.environment.process,
            self.clock,
            threads=lambda: engine_threads(
                self.settings.get(declared.ENGINE_THREADS) or 0, logical=os.cpu_count() or 1
            ),
            embedding=embedding,
        )

    @property
    def log(self) -> LogHandle | None:
        """The log of this process; None before `start` has opened it."""
        return self._log

    def zone(self) -> tzinfo:
        """Return the zone this computer is in now."""
        return local_zone(self.environment.process.get("TZ", ""))

    def doctor(self, start_error: PortalError | None = None) -> Doctor:
        """Return the examiner of these parts."""
        return Doctor(
            self.paths,
            self.environment,
            settings=self.settings,
            database=self.database,
            backups=self.backups,
            credentials=self.credentials,
            discovery=self.discovery,
            catalogue=self.catalogue,
            start_error=start_error,
        )

    async def start(self, *, read_only: bool = False) -> None:
        """Open the log, the settings, the database and the texts, then let the watchers run.

        With `read_only` nothing is written to the database, not even what a start sets right.

        Raises:
            StorageError: the database cannot be opened; everything else is started, and `stop` is still due.
        """
        await asyncio.to_thread(self._open_files, read_only)
        self.settings.subscribe(lambda setting: self.bus.publish(SettingChanged(setting.id)))
        self.settings.subscribe(self._follow)
        self.bus.subscribe(RequestFinished, self._count_request)
        await self.database.open(read_only=read_only)
        if not read_only:
            self._version = await self.database.data_version()
        await self.settings.attach(self.setting_rows)
        self._configure_log()
        if not read_only and await self.conversations.recover():
            self.bus.publish(ConversationsChanged())
        log.info("started", program=self.program)

    def _open_files(self, read_only: bool) -> None:
        with self._disk(read_only):
            self.paths.create()
        self.settings.load()
        with self._disk(read_only):
            self._log = setup(
                self.paths,
                self.settings.get(declared.LOG_LEVEL),
                self.credentials.known_values,
                clock=self.clock,
                program=self.program,
            )
        self.library.load()

    @contextmanager
    def _disk(self, read_only: bool) -> Iterator[None]:
        """Tell what the disk refuses as a storage error; opened read-only, do without."""
        try:
            yield
        except OSError as error:
            if not read_only:
                raise storage_error(error, self.paths.database) from error

    def watch(self) -> None:
        """Start what a program that stays needs: a look at other writers, at servers, at backups and at the loop."""
        self.bus.subscribe(EndpointFound, lambda _: self.catalogue.invalidate())
        self.bus.subscribe(EndpointLost, lambda _: self.catalogue.invalidate())
        self.bus.subscribe(LoopLagged, lambda event: log.info("the loop was held", seconds=round(event.seconds, 3)))
        admin = AdminFileWatcher(self.settings, self.clock, self._refused)
        writing = () if self.database.read_only else (self._watch_file, self._keep_backups)
        for look in (*writing, admin.run, self.discovery.run, self._watch_loop().run):
            self._spawn(self._kept(look), self._watchers)
        self._spawn(self._kept(HealthWatch(self.clock, self._parts, _tell_health).run), self._watchers)
        gc.freeze()

    async def stop(self) -> None:
        """Stop answers and keep their text, then close everything within 5 s; safe to call after a failed start."""
        for task in self._watchers:
            task.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        steps: tuple[tuple[str, Callable[[], Awaitable[object]]], ...] = (
            ("answers", self.live.close),
            ("audit", self._written),
            ("catalogue", self.catalogue.close),
            ("providers", self.providers.close),
            *((f"engine {number}", engine.stop) for number, engine in enumerate(self._engines)),
            ("network", self.network.close),
            ("database", self.database.close),
        )
        end = self.clock.monotonic() + STOP_SECONDS
        for name, step in steps:
            try:
                await asyncio.wait_for(step(), max(0.1, end - self.clock.monotonic()))
            except Exception as error:  # noqa: BLE001 - the edge of the process: one part must not keep the rest open
                log.error("could not be stopped", part=name, error=error)
        if self._log is not None:
            await asyncio.to_thread(self._log.close)

    def _spawn(self, work: Coroutine[object, object, None], among: set[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(work)
        among.add(task)
        task.add_done_callback(among.discard)
        task.add_done_callback(_tell_failure)

    async def _written(self) -> None:
        await asyncio.gather(*self._writes, return_exceptions=True)

    async def _kept(self, look: Callable[[], Awaitable[None]]) -> None:
        """Start a look that failed again, at most five times in a row."""
        restarts = Restarts(self.clock)
        while True:
            try:
                return await look()
            except PortalError as error:
                delay = restarts.after_failure()
                log.error("a watcher failed", watcher=look.__qualname__, again_in=delay, error=error)
                if delay is None:
                    raise
            await self.clock.sleep(delay)

    async def _watch_file(self) -> None:
        while True:
            await self.clock.sleep(LOOK_SECONDS)
            version = await self.database.data_version()
            if version != self._version:
                self._version = version
                await self.settings.reload()
                self.bus.publish(TasksChanged())
                self.bus.publish(ConversationsChanged())

    async def _keep_backups(self) -> None:
        while True:
            state = await self.backups.state()
            if state.due and self.settings.get(declared.DAILY_BACKUPS):
                await self.back_up()
            await self.clock.sleep(BACKUP_SECONDS)

    async def readable(self) -> bool:
        """Whether a database that could not be opened can at least be read; it is closed again."""
        try:
            await self.database.open(read_only=True)
        except PortalError as error:
            log.info("cannot be read either", error=error)
            return False
        await self.database.close()
        return True

    async def newest_whole_backup(self) -> Backup | None:
        """Return the newest copy that is still what was verified when it was made; None when there is none."""
        try:
            for backup in await self.backups.list():
                if backup.verdict is Verdict.VERIFIED:
                    checked = await self.backups.verify(backup)
                    if checked.verdict is Verdict.VERIFIED:
                        return checked
        except PortalError as error:
            log.warning("the backups cannot be read", error=error)
        return None

    async def back_up(self) -> None:
        """Make a verified copy now, and tell on the bus how that went."""
        try:
            made = await self.backups.now(Reason.DAILY)
        except PortalError as error:
            log.error("backup failed", error=error)
            self.bus.publish(BackupFinished(path="", verified=False, error_name=error.name))
        else:
            self.bus.publish(BackupFinished(path=str(made.path), verified=True))

    def _refused(self, problem: SettingsError) -> None:
        log.warning("settings file refused", error=problem)
        self.bus.publish(SettingsRefused(problem.title, problem.advice))

    def _watch_loop(self) -> LoopWatch:
        return LoopWatch(self.clock, lambda seconds: self.bus.publish(LoopLagged(seconds)))

    def _parts(self) -> dict[str, Callable[[], Awaitable[bool]]]:
        """Return what is asked about its health: the file, and every server seen since the start."""

        async def file() -> bool:
            return bool(await self.database.read(lambda connection: connection.execute("SELECT 1").fetchone()))

        async def present(service: Service) -> bool:
            return service.present

        servers = {each.found.endpoint.name: partial(present, each) for each in self.discovery.services()}
        return {**servers, "database": file}

    def _configure_log(self) -> None:
        if self._log is not None:
            patterns = self.settings.get(declared.MASK_PATTERNS)
            self._log.configure(self.settings.get(declared.LOG_LEVEL), patterns)

    def _follow(self, setting: Setting[Any]) -> None:
        if setting in {declared.LOG_LEVEL, declared.MASK_PATTERNS}:
            self._configure_log()
        if setting in {declared.ENDPOINTS, declared.DISCOVERY, declared.EXTRA_PORTS}:
            self.catalogue.invalidate()

    async def _credential(self, name: str) -> Secret | None:
        before = self.credentials.state()
        try:
            return await self.credentials.get(name)
        finally:
            now = self.credentials.state()
            if (now.step, str(now.problem)) != (before.step, str(before.problem)):
                self.bus.publish(KeyringChanged(now.step.value))

    def _redact(self, text: str) -> str:
        return text if self._log is None else self._log.redactor.text(text)


def _tell_health(part: str, well: bool) -> None:
    if well:
        log.info("a part is well again", part=part)
    else:
        log.warning("a part is degraded", part=part)


def _tell_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("background work failed", error=error)
