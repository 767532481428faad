"""Which declared settings stand on which page. One that does nothing yet is on none of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from portal_desktop.settings import Setting, declared
from portal_desktop.ui.i18n import tr


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its name, the sentence at its top, its fields."""

    id: str
    title: str
    sentence: str
    fields: tuple[Setting[Any], ...]


def pages() -> tuple[Page, ...]:
    """Return the pages in the order of the list."""
    return (
        Page(
            "models",
            tr("Models"),
            tr("Portal looks for model servers on this computer by itself. Nothing leaves it unless you add a server."),
            (
                declared.DISCOVERY,
                declared.REASONING,
                declared.MAX_MESSAGE_CHARS,
                declared.FIRST_TOKEN_SECONDS,
                declared.IDLE_SECONDS,
            ),
        ),
        Page(
            "tools",
            tr("Tools"),
            tr("What a model may do with tools in one answer. Calls that change much are asked about in the chat."),
            (declared.DEFAULT_MODE, declared.MAX_ROUNDS, declared.MAX_TOOL_CALLS, declared.MAX_TOOL_SECONDS),
        ),
        Page(
            "privacy",
            tr("Privacy"),
            tr("Chats and tasks are kept in one file on this computer; keys are kept in its keyring."),
            (declared.LOCAL_ONLY,),
        ),
        Page(
            "appearance",
            tr("Appearance"),
            tr("Changes are applied at once."),
            (declared.THEME, declared.ZOOM, declared.REDUCED_MOTION, declared.CLOSE_TO_TRAY),
        ),
        Page(
            "data",
            tr("Data and backups"),
            tr("Backups are verified copies in the folder of your data; nothing is sent anywhere."),
            (declared.DAILY_BACKUPS, declared.LOG_LEVEL),
        ),
    )


def choice_text(word: str) -> str:
    """Return a choice's word as it is shown."""
    words = {
        "system": tr("as the desktop"),
        "light": tr("light"),
        "dark": tr("dark"),
        "contrast": tr("high contrast"),
        "chat": tr("chat, conversation only"),
        "act": tr("act, with tools"),
        "auto": tr("the model decides"),
        "on": tr("on"),
        "off": tr("off"),
        "debug": tr("everything"),
        "info": tr("normal"),
        "warning": tr("warnings and errors"),
        "error": tr("errors only"),
    }
    return words.get(word, word)
