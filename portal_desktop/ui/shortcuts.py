"""Every command of the windows with its default keys; tooltips, menus and key handling read this one list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from portal_desktop.ui.i18n import tr


@dataclass(frozen=True, slots=True)
class Command:
    """Something the user can ask for. `title` is English and goes through `tr` where it is shown."""

    id: str
    title: str
    keys: tuple[str, ...] = ()


_DECLARED = (
    Command("chat.new", "New chat", ("Ctrl+N",)),
    Command("chat.search", "Search chats", ("Ctrl+K",)),
    Command("chat.focus_input", "Write a message", ("Ctrl+L",)),
    Command("chat.stop", "Stop", ("Esc",)),
    Command("chat.send", "Send", ("Return",)),
    Command("chat.newline", "New line", ("Shift+Return",)),
    Command("chat.edit_last", "Edit the last message", ("Up",)),
    Command("chat.regenerate", "Answer again", ("Ctrl+R",)),
    Command("chat.copy_last", "Copy the last answer", ("Ctrl+Shift+C",)),
    Command("chat.previous", "Previous chat", ("Ctrl+Shift+Up",)),
    Command("chat.next", "Next chat", ("Ctrl+Shift+Down",)),
    Command("chat.models", "Choose a model", ("Ctrl+Shift+M",)),
    Command("chat.mode", "Chat or Act mode", ("Ctrl+Shift+A",)),
    Command("chat.thinking", "Thinking", ("Ctrl+Shift+K",)),
    Command("chat.rename", "Rename this chat", ("F2",)),
    Command("chat.pin", "Pin this chat", ("Ctrl+D",)),
    Command("chat.delete", "Delete this chat", ("Ctrl+Shift+Backspace",)),
    Command("chat.own_window", "Open in own window", ("Ctrl+Shift+O",)),
    Command("approval.allow", "Allow once", ("Ctrl+Return",)),
    Command("approval.deny", "Deny", ("Ctrl+Backspace",)),
    Command("tasks.add", "Add a task", ("Ctrl+N",)),
    Command("tasks.filter", "Filter tasks", ("Ctrl+F",)),
    Command("tasks.undo", "Undo", ("Ctrl+Z",)),
    Command("tasks.sort", "Sort tasks", ("Ctrl+Shift+S",)),
    Command("tasks.complete", "Done or not done", ("Space",)),
    Command("tasks.rename", "Rename", ("F2",)),
    Command("tasks.delete", "Delete", ("Del",)),
    Command("window.chat", "Chat", ("Ctrl+1",)),
    Command("window.tasks", "Tasks", ("Ctrl+T", "Ctrl+2")),
    Command("window.settings", "Settings", ("Ctrl+,",)),
    Command("window.sidebar", "Show or hide the sidebar", ("Ctrl+B",)),
    Command("window.close", "Close the window", ("Ctrl+W",)),
    Command("window.local_only", "Local-only", ()),
    Command("app.quit", "Quit", ("Ctrl+Q",)),
)

COMMANDS: Mapping[str, Command] = MappingProxyType({command.id: command for command in _DECLARED})


def keys_text(command_id: str) -> str:
    """Return the first key sequence as this platform writes it, or ""."""
    keys = COMMANDS[command_id].keys
    return QKeySequence(keys[0]).toString(QKeySequence.SequenceFormat.NativeText) if keys else ""


def with_keys(text: str, command_id: str) -> str:
    """Return a tooltip: the text, and the command's keys in brackets when it has any."""
    keys = keys_text(command_id)
    return f"{text} ({keys})" if keys else text


def bind(widget: QWidget, command_id: str, run: Callable[[], object], *, inside: bool = False) -> QAction:
    """Make the command's keys work in a window, or only while the focus is inside the widget."""
    command = COMMANDS[command_id]
    action = QAction(tr(command.title), widget)
    action.setShortcuts([QKeySequence(keys) for keys in command.keys])
    context = Qt.ShortcutContext
    action.setShortcutContext(context.WidgetWithChildrenShortcut if inside else context.WindowShortcut)
    action.triggered.connect(lambda _checked=False: run())
    widget.addAction(action)
    return action
