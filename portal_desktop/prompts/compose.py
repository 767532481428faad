"""From a snapshot to system messages and a manifest: pure, no file, no network, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from portal_desktop.messages import Message, Role, Text, ToolSpec
from portal_desktop.prompts.library import Library, Prompt

CHARACTERS_PER_TOKEN = 4
_FIRST_SENTENCE = 160


@dataclass(frozen=True, slots=True)
class Persona:
    """A role: its instructions, and what it prefers to the app's settings; `tools` None means all enabled ones."""

    id: str
    name: str
    instructions: str
    version: str = "1"
    tools: frozenset[str] | None = None
    model: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    first_token_seconds: float | None = None
    fallback: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that decides what a model is told before the conversation."""

    texts: Mapping[str, Prompt]
    phrases: Mapping[str, str]
    today: date
    tools: tuple[ToolSpec, ...] = ()
    persona: Persona | None = None
    instructions: str = ""
    planner_hints: str = ""
    banners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One part of a request: what it was, in which version, and about how many tokens."""

    part: str
    version: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Composition:
    """The system messages, and where each piece came from."""

    messages: tuple[Message, ...]
    manifest: tuple[ManifestEntry, ...]

    @property
    def text(self) -> str:
        """The whole system text."""
        return "\n\n".join(message.text for message in self.messages)


TEXTS = ("constitution", "persona", "instructions", "act", "task_assistant", "today", "banner_memory", "banner_tools")


def snapshot_texts(library: Library) -> tuple[Mapping[str, Prompt], Mapping[str, str]]:
    """Return what `Snapshot` needs of the library: its texts and the phrases of the task tools."""
    return {name: library.get(name) for name in TEXTS}, library.phrases("task_phrases")


def compose(snapshot: Snapshot) -> Composition:
    """Return one system message of delimited sections: rules first, what changes daily last (for prompt caches)."""
    sections = [(name, version, text) for name, version, text in _sections(snapshot) if text]
    manifest = tuple(ManifestEntry(name, version, estimate_tokens(text)) for name, version, text in sections)
    whole = "\n\n".join(text for _, _, text in sections)
    return Composition((Message(Role.SYSTEM, (Text(whole),)),) if whole else (), manifest)


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a text has: characters by four, rounded up, each beyond Latin counted whole."""
    wide = 0 if text.isascii() else sum(character > "\u02ff" for character in text)
    return wide - (-(len(text) - wide) // CHARACTERS_PER_TOKEN)


def _sections(snapshot: Snapshot) -> Iterator[tuple[str, str, str]]:
    texts = snapshot.texts
    constitution = texts["constitution"]
    yield "constitution", constitution.version, f"# Rules\n\n{constitution.text}"
    if snapshot.instructions:
        wrapped = texts["instructions"].fill({"instructions": snapshot.instructions})
        yield "instructions", texts["instructions"].version, f"# Instructions\n\n{wrapped}"
    if snapshot.persona is not None and snapshot.persona.instructions:
        yield _persona(snapshot.persona, texts["persona"])
    if snapshot.tools:
        yield from _tools(snapshot)
    if snapshot.planner_hints:
        yield "planner", "1", f"# Plan\n\n{snapshot.planner_hints}"
    for name in snapshot.banners:
        banner = texts[f"banner_{name}"]
        yield f"banner {name}", banner.version, f"# Notice\n\n{banner.text}"
    today = f"{snapshot.today:%A}, {snapshot.today.isoformat()}"
    yield "today", texts["today"].version, texts["today"].fill({"today": today})


def _persona(persona: Persona, frame: Prompt) -> tuple[str, str, str]:
    inside = persona.instructions.replace("</persona>", "</ persona>")
    filled = frame.fill({"name": persona.name, "instructions": inside})
    return f"persona {persona.id}", persona.version, f"# Persona\n\n{filled}"


def _tools(snapshot: Snapshot) -> Iterator[tuple[str, str, str]]:
    tasks = [tool for tool in snapshot.tools if tool.name in snapshot.phrases]
    act = snapshot.texts["act"]
    listed = "\n".join(_line(tool, "") for tool in snapshot.tools)
    yield "tools", act.version, f"# Tools\n\n{act.fill({'tools': listed})}"
    if tasks:
        text = snapshot.texts["task_assistant"]
        yield "task assistant", text.version, f"# Tasks\n\n{task_assistant(text, tasks, snapshot.phrases)}"


def task_assistant(text: Prompt, tools: Sequence[ToolSpec], phrases: Mapping[str, str]) -> str:
    """Return the task assistant's instructions; its list of tools is made from those that are enabled."""
    return text.fill({"task_tools": "\n".join(_line(tool, phrases.get(tool.name, "")) for tool in tools)})


def _line(tool: ToolSpec, phrases: str) -> str:
    purpose = tool.description.strip().split("\n", 1)[0][:_FIRST_SENTENCE]
    return f"- `{tool.name}`: {purpose}" + (f" Said for example as: {phrases}." if phrases else "")
