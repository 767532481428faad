"""The declarations. To add a setting, add it here and read it somewhere; nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from portal_desktop.settings.kinds import (
    Choice,
    Duration,
    Endpoints,
    Flag,
    Maybe,
    Number,
    Patterns,
    Ports,
    Whole,
    Words,
)
from portal_desktop.settings.setting import Scope, Setting

DEFAULT_MODEL = Setting(
    "chat.default_model",
    Words(300),
    "",
    "Model for new chats",
    "Written endpoint/model. Empty: the model used last, else the first one found on this computer.",
    "models",
    Scope.MESSAGE,
)
DEFAULT_MODE = Setting(
    "chat.default_mode",
    Choice(("chat", "act")),
    "act",
    "New chats may use tools",
    "`act` offers tools to the model, `chat` is conversation only.",
    "tools",
    Scope.MESSAGE,
)
SYSTEM_PROMPT = Setting(
    "chat.system_prompt",
    Words(20_000, lines=True),
    "",
    "Your own instructions",
    "Sent to the model at the start of every chat, after the built-in ones.",
    "models",
    Scope.CONVERSATION,
)
TEMPERATURE = Setting(
    "chat.temperature",
    Maybe(Number(0.0, 2.0), "the server decides"),
    None,
    "Temperature",
    "Higher is more varied.",
    "models",
    Scope.MESSAGE,
)
TOP_P = Setting(
    "chat.top_p",
    Maybe(Number(0.0, 1.0), "the server decides"),
    None,
    "Top-p",
    "Share of the likeliest words to choose from.",
    "models",
    Scope.MESSAGE,
)
MAX_TOKENS = Setting(
    "chat.max_tokens",
    Maybe(Whole(1, 1_000_000), "the server decides"),
    None,
    "Longest answer in tokens",
    "The model stops there, even in the middle of a sentence.",
    "models",
    Scope.MESSAGE,
)
REASONING = Setting(
    "chat.reasoning",
    Choice(("auto", "on", "off")),
    "auto",
    "Thinking",
    "Whether models that can are asked to think before they answer.",
    "models",
    Scope.MESSAGE,
)
MAX_ROUNDS = Setting(
    "chat.max_rounds",
    Whole(1, 25),
    8,
    "Tool rounds per answer",
    "After so many rounds of tool calls the model must answer.",
    "tools",
    Scope.CONVERSATION,
)
MAX_TOOL_CALLS = Setting(
    "chat.max_tool_calls",
    Whole(1, 500),
    50,
    "Tool calls per answer",
    "The turn ends with a note when a model wants more.",
    "tools",
    Scope.CONVERSATION,
)
MAX_TOOL_SECONDS = Setting(
    "chat.max_tool_seconds",
    Duration(1, 86_400),
    600.0,
    "Time for tools per answer",
    "All tools of one answer together.",
    "tools",
    Scope.CONVERSATION,
)
MAX_TURN_TOKENS = Setting(
    "chat.max_turn_tokens",
    Maybe(Whole(1_000, 100_000_000), "no limit"),
    None,
    "Tokens per answer",
    "All requests of one answer together; the answer ends with a note when they are used up.",
    "tools",
    Scope.CONVERSATION,
)
MAX_MESSAGE_CHARS = Setting(
    "chat.max_message_chars",
    Whole(1, 200_000),
    10_000,
    "Longest message in characters",
    "A longer text is refused before it is sent.",
    "models",
)
TASKS_MODEL = Setting(
    "tasks.model",
    Words(300),
    "",
    "Model for tasks",
    "Written endpoint/model. Empty: the model of the chat.",
    "tasks",
)
TASKS_INSTRUCTIONS = Setting(
    "tasks.instructions",
    Words(20_000, lines=True),
    "",
    "Instructions for the task assistant",
    "Sent after the built-in ones.",
    "tasks",
)
TASKS_TOOLS = Setting(
    "tasks.tools",
    Words(1_000),
    "",
    "Tools of the task assistant",
    "Names with commas between them. Empty: all task tools.",
    "tasks",
)
TASKS_FIRST_TOKEN = Setting(
    "tasks.first_token_seconds",
    Duration(1, 300),
    30.0,
    "Wait for the task assistant",
    "How long its first word may take.",
    "tasks",
)
DISCOVERY = Setting(
    "models.discovery",
    kind=Flag(),
    default=True,
    title="Look for model servers on this computer",
    help="Asks the usual local ports every 30 seconds while a window is open; nothing beyond this computer is asked.",
    page="models",
)
EXTRA_PORTS = Setting(
    "models.extra_ports",
    Ports(),
    (),
    "More ports to look at",
    "Ports of this computer, besides the usual ones.",
    "models",
)
CONNECT_SECONDS = Setting(
    "models.connect_seconds",
    Duration(1, 300),
    10.0,
    "Wait for a connection",
    "How long a model server may take to accept it.",
    "models",
)
FIRST_TOKEN_SECONDS = Setting(
    "models.first_token_seconds",
    Duration(1, 300),
    120.0,
    "Wait for the first word",
    "Loading a large model counts; you are asked before the answer is given up.",
    "models",
)
IDLE_SECONDS = Setting(
    "models.idle_seconds",
    Duration(1, 300),
    60.0,
    "Wait between words",
    "How long a begun answer may pause.",
    "models",
)
ENDPOINTS = Setting(
    "models.endpoints",
    Endpoints(),
    (),
    "Model servers",
    "Servers you added. Their keys lie in the keyring, never here.",
    "models",
)
ENGINE_THREADS = Setting(
    "models.engine_threads",
    Maybe(Whole(1, 256), "chosen for this computer"),
    None,
    "Threads of the built-in engine",
    "More is not always faster; the number of physical cores is a good choice.",
    "models",
    restart=True,
)
LOCAL_ONLY = Setting(
    "privacy.local_only",
    kind=Flag(),
    default=False,
    title="Local only",
    help="Blocks every connection that leaves this computer.",
    page="privacy",
)
MASK_PATTERNS = Setting(
    "privacy.mask_patterns",
    Patterns(),
    (),
    "Also mask in logs",
    "Regular expressions; what they match never reaches a log or a report. Keys and passwords are masked anyway.",
    "privacy",
    restart=True,
)
THEME = Setting(
    "appearance.theme",
    Choice(("system", "light", "dark", "contrast")),
    "system",
    "Theme",
    "`system` follows the desktop.",
    "appearance",
)
ZOOM = Setting(
    "appearance.zoom",
    Whole(50, 200),
    100,
    "Zoom in percent",
    "Size of all text and icons; also font size.",
    "appearance",
)
REDUCED_MOTION = Setting(
    "appearance.reduced_motion",
    Choice(("system", "on", "off")),
    "system",
    "Reduced motion",
    "Removes fades and smooth scrolling.",
    "appearance",
)
LANGUAGE = Setting(
    "appearance.language",
    Choice(("system", "en", "de")),
    "system",
    "Language",
    "Of menus and messages; models answer in the language you write.",
    "appearance",
    restart=True,
)
CLOSE_TO_TRAY = Setting(
    "window.close_to_tray",
    kind=Flag(),
    default=False,
    title="Keep running in the tray",
    help="Closing the last window leaves the app in the tray.",
    page="appearance",
)
DAILY_BACKUPS = Setting(
    "backups.daily",
    kind=Flag(),
    default=True,
    title="Daily backup",
    help="A verified copy of your chats and tasks; 7 daily and 4 weekly ones are kept.",
    page="data",
)
LOG_LEVEL = Setting(
    "logs.level",
    Choice(("debug", "info", "warning", "error")),
    "info",
    "Detail of the log",
    "The log stays on this computer.",
    "data",
    restart=True,
    named="PORTAL_LOG_LEVEL",
)

SETTINGS: tuple[Setting[Any], ...] = tuple(value for value in list(globals().values()) if isinstance(value, Setting))
BY_ID: Mapping[str, Setting[Any]] = MappingProxyType({setting.id: setting for setting in SETTINGS})
