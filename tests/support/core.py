"""A core on a real database with a scripted model: for tests of `chat` and of what stands on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

from portal_desktop.agent.calls import Tools
from portal_desktop.chat.history import History
from portal_desktop.chat.live import LiveChats
from portal_desktop.clock import Clock, SystemClock
from portal_desktop.errors import ProviderError
from portal_desktop.events import Bus, Event
from portal_desktop.log import redact
from portal_desktop.paths import resources
from portal_desktop.prompts.library import Library
from portal_desktop.providers.base import ModelFacts, Provider
from portal_desktop.providers.scripted import ScriptedProvider
from portal_desktop.settings import SETTINGS, Environment, Settings
from portal_desktop.storage.conversations import Conversations
from portal_desktop.storage.database import Database
from portal_desktop.storage.turns import TurnRows
from tests.support.toolbox import Toolbox

MODEL = "scripted/demo"


@dataclass
class Core:
    """Everything below the faces that a turn needs."""

    database: Database
    conversations: Conversations
    turns: TurnRows
    history: History
    live: LiveChats
    bus: Bus
    settings: Settings
    tools: Tools
    events: list[Event] = field(default_factory=list)


def resolver(providers: Sequence[Provider]) -> Any:
    """Return what finds a provider by ``endpoint/model``."""

    def resolve(model: str) -> tuple[Provider, str]:
        endpoint, _, name = model.partition("/")
        for provider in providers:
            if provider.endpoint.id == endpoint:
                return provider, name
        raise ProviderError("model_missing", server=endpoint, model=name)

    return resolve


@asynccontextmanager
async def core(
    folder: Path,
    *providers: Provider,
    tools: Tools | None = None,
    clock: Clock | None = None,
    variables: Mapping[str, str] | None = None,
    facts: Mapping[str, ModelFacts] | None = None,
    redact: Any = redact,
) -> AsyncIterator[Core]:
    """Open the database of the folder and build a core on it; everything is closed in order."""
    clock = clock or SystemClock()
    database = Database(folder / "portal.db", clock=clock)
    await database.open()
    environment = Environment({"PORTAL_CHAT_DEFAULT_MODEL": MODEL, **(variables or {})})
    settings = Settings(environment, folder / "admin.toml", folder / "good.toml", SETTINGS)
    settings.load()
    library = Library(resources() / "prompts")
    library.load()
    bus = Bus(clock)
    events: list[Event] = []
    heard = bus.subscribe(Event, events.append, queue=10_000)
    conversations, turns = Conversations(database, clock), TurnRows(database, clock)

    async def known(full_id: str) -> ModelFacts:
        found = (facts or {}).get(full_id)
        if found is None:
            raise ProviderError("model_missing", server="nobody", model=full_id)
        return found

    tools = tools or Toolbox()
    live = LiveChats(
        conversations=conversations,
        turns=turns,
        resolve=resolver(providers or (ScriptedProvider(),)),
        tools=tools,
        settings=settings,
        library=library,
        bus=bus,
        clock=clock,
        zone=lambda: UTC,
        facts=known,
        redact=redact,
    )
    try:
        yield Core(database, conversations, turns, History(conversations, bus), live, bus, settings, tools, events)
    finally:
        await live.close()
        heard.close()
        await database.close()
