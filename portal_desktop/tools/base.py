"""What a tool is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from portal_desktop.messages import JsonObject, ToolCall


class Power(StrEnum):
    """What a tool may do to the world, in the words the user reads."""

    LOOK = "look"
    CHANGE = "change"
    ONLINE = "go online"
    RUN = "run programs"


def no_progress(fraction: float, text: str) -> None:
    """Take a report of progress nobody wants."""


@dataclass(frozen=True, slots=True)
class ToolContext:
    """Where a call comes from. Who owns the data is bound into the tools and is never part of it.

    `turn_id` joins all changes of one turn into one undo step. `free_characters` is the room left in the model's
    context, None when unknown; a quarter of it is the most a result may take.
    """

    conversation_id: int | None = None
    turn_id: str = ""
    actor: str = "model"
    progress: Callable[[float, str], None] = no_progress
    free_characters: int | None = None


Run: TypeAlias = Callable[[JsonObject, ToolContext], Awaitable[object]]
Describe: TypeAlias = Callable[[JsonObject], Awaitable[str]]
AskWhen: TypeAlias = Callable[[JsonObject, Sequence[ToolCall]], str | None]


@dataclass(frozen=True, slots=True)
class Tool:
    """One thing a model can do.

    `run` returns text or something JSON can write, and raises `ToolError` for what the model should read as a
    refusal. `ask_when` is given the arguments and the earlier calls of the turn and returns why the user must be
    asked, or None; `describe` says in one sentence what these very arguments would do, for the user who is asked,
    and raises `ToolError` when they mean nothing. `returns`, where declared, is the schema an object it returns must
    fit. `title` names the tool ("Add task"), `done` is the badge's text after it ran ("Added task").
    """

    name: str
    description: str
    parameters: JsonObject
    run: Run
    title: str
    done: str = ""
    powers: frozenset[Power] = frozenset({Power.LOOK})
    undoable: bool = True
    ask_when: AskWhen | None = None
    describe: Describe | None = None
    seconds: float = 60.0
    returns: JsonObject | None = None
