"""The shipped personas; what they prefer comes from settings."""

from __future__ import annotations

from portal_desktop.prompts.compose import Persona
from portal_desktop.prompts.library import Library
from portal_desktop.settings import Settings, declared

TASKS = "tasks"


def task_persona(library: Library, settings: Settings) -> Persona:
    """Return the task assistant as the settings want it: instructions, tools, model and patience."""
    phrases = library.phrases("task_phrases")
    chosen = [name.strip() for name in settings.get(declared.TASKS_TOOLS).split(",") if name.strip()]
    return Persona(
        id=TASKS,
        name="Task assistant",
        instructions=settings.get(declared.TASKS_INSTRUCTIONS),
        tools=frozenset(chosen or phrases),
        model=settings.get(declared.TASKS_MODEL),
        first_token_seconds=settings.get(declared.TASKS_FIRST_TOKEN),
        fallback=library.get("task_fallback").text,
    )


def persona(persona_id: str, library: Library, settings: Settings) -> Persona | None:
    """Return a persona by the id a conversation names; None for none."""
    return task_persona(library, settings) if persona_id == TASKS else None
