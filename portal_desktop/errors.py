"""Every error of the product, and every text about one that a user reads.

    Exception
    ├── PortalError            speaks to the user; made from an entry of `CATALOGUE`
    │   ├── ProviderError      a model server, its address or its answer
    │   ├── StorageError       the database file or the disk
    │   ├── SecretError        the keyring
    │   ├── SettingsError      a setting or the administrator's file
    │   └── InvalidInput       what the caller gave (also: not found)
    ├── ToolError              speaks to the model; the text is its answer
    └── IllegalTransition      a bug: a state machine was driven wrong

Anything else is a bug and goes to the log and the crash report. The kind of an error comes from status codes and
exception types, never from words in a message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class ErrorKind(StrEnum):
    """What sort of thing went wrong; decides the strategy and the icon."""

    API = "api"
    NETWORK = "network"
    AUTH = "auth"
    RATE_LIMITED = "rate_limited"
    QUOTA = "quota"
    MODEL_NOT_AVAILABLE = "model_not_available"
    CONTEXT_TOO_LONG = "context_too_long"
    CONTENT_FILTERED = "content_filtered"
    INVALID_REQUEST = "invalid_request"
    TIMEOUT = "timeout"
    CONFIGURATION = "configuration"
    ALL_FAILED = "all_failed"
    SERIALISATION = "serialisation"
    STREAM = "stream"
    PARSE = "parse"
    UNKNOWN = "unknown"
    STORAGE = "storage"
    SECRET = "secret"  # noqa: S105 - the name of a kind
    NOT_FOUND = "not_found"


class Strategy(StrEnum):
    """What a caller does about an error."""

    RETRY = "retry"
    FALL_BACK = "fall_back"
    BREAK = "break"
    FAIL = "fail"


STRATEGIES: Mapping[ErrorKind, Strategy] = MappingProxyType(
    {
        ErrorKind.API: Strategy.RETRY,
        ErrorKind.NETWORK: Strategy.RETRY,
        ErrorKind.AUTH: Strategy.FAIL,
        ErrorKind.RATE_LIMITED: Strategy.RETRY,
        ErrorKind.QUOTA: Strategy.FALL_BACK,
        ErrorKind.MODEL_NOT_AVAILABLE: Strategy.FALL_BACK,
        ErrorKind.CONTEXT_TOO_LONG: Strategy.FALL_BACK,
        ErrorKind.CONTENT_FILTERED: Strategy.FAIL,
        ErrorKind.INVALID_REQUEST: Strategy.FAIL,
        ErrorKind.TIMEOUT: Strategy.RETRY,
        ErrorKind.CONFIGURATION: Strategy.FAIL,
        ErrorKind.ALL_FAILED: Strategy.FAIL,
        ErrorKind.SERIALISATION: Strategy.FAIL,
        ErrorKind.STREAM: Strategy.BREAK,
        ErrorKind.PARSE: Strategy.BREAK,
        ErrorKind.UNKNOWN: Strategy.FAIL,
        ErrorKind.STORAGE: Strategy.FAIL,
        ErrorKind.SECRET: Strategy.FAIL,
        ErrorKind.NOT_FOUND: Strategy.FAIL,
    }
)


@dataclass(frozen=True, slots=True)
class ErrorText:
    """One entry of the catalogue: sentence case, no full stop in the title, the advice says what to do.

    Codes: 1xxx the caller, 2xxx the model or its server, 3xxx the way to it, 4xxx its answer, 5xxx this computer.
    """

    code: int
    kind: ErrorKind
    title: str
    advice: str


CATALOGUE: Mapping[str, ErrorText] = MappingProxyType(
    {
        # 1xxx: what the caller gave
        "invalid_field": ErrorText(
            1001, ErrorKind.INVALID_REQUEST, "`{field}` cannot be used", "Correct it: {problem}."
        ),
        "text_too_long": ErrorText(
            1002,
            ErrorKind.INVALID_REQUEST,
            "The message is too long",
            "Shorten it to {limit} characters; it has {length}.",
        ),
        "no_model": ErrorText(1003, ErrorKind.CONFIGURATION, "No model is chosen", "Choose one in the model list."),
        "no_messages": ErrorText(1004, ErrorKind.INVALID_REQUEST, "There is nothing to send", "Write a message first."),
        "orphan_tool_return": ErrorText(
            1005,
            ErrorKind.INVALID_REQUEST,
            "A tool's result has lost its call",
            "Edit the message before it and send it again; nothing was sent.",
        ),
        "not_found": ErrorText(1006, ErrorKind.NOT_FOUND, "`{what}` is not there", "Reload the list and choose again."),
        "busy": ErrorText(
            1007, ErrorKind.INVALID_REQUEST, "This chat is still answering", "Wait for the answer or stop it first."
        ),
        "nothing_to_undo": ErrorText(
            1008, ErrorKind.INVALID_REQUEST, "There is nothing to undo", "Changes are kept for 30 days."
        ),
        "undo_overtaken": ErrorText(
            1009, ErrorKind.INVALID_REQUEST, "The task was changed again since", "Undo the newer change first."
        ),
        "task_not_found": ErrorText(
            1010, ErrorKind.NOT_FOUND, "This task is not there", "Reload the list and choose again."
        ),
        "task_changed": ErrorText(
            1011,
            ErrorKind.INVALID_REQUEST,
            "The task was changed meanwhile",
            "Look at it again, then repeat the change.",
        ),
        # 2xxx: the model or its server said no
        "auth_failed": ErrorText(
            2001, ErrorKind.AUTH, "{server} did not accept the key", "Enter the key again in Settings, Models."
        ),
        "quota_exceeded": ErrorText(
            2002, ErrorKind.QUOTA, "The account at {server} has no credit left", "Top it up or choose another model."
        ),
        "rate_limited": ErrorText(
            2003, ErrorKind.RATE_LIMITED, "{server} asks to wait", "Try again in {seconds} seconds."
        ),
        "model_missing": ErrorText(
            2004,
            ErrorKind.MODEL_NOT_AVAILABLE,
            "{server} has no model `{model}`",
            "Choose an installed model or pull this one.",
        ),
        "context_too_long": ErrorText(
            2005,
            ErrorKind.CONTEXT_TOO_LONG,
            "The conversation is too long for `{model}`",
            "Start a new chat or choose a model with a larger context.",
        ),
        "content_filtered": ErrorText(
            2006,
            ErrorKind.CONTENT_FILTERED,
            "{server} refused to answer this",
            "Reword the message or change the model.",
        ),
        "request_refused": ErrorText(
            2007,
            ErrorKind.INVALID_REQUEST,
            "{server} could not use the request",
            "Open Details to see why, then change the model or its parameters.",
        ),
        "server_failed": ErrorText(
            2008, ErrorKind.API, "{server} had a fault of its own", "Try again; if it stays, restart that server."
        ),
        "server_busy": ErrorText(
            2009, ErrorKind.RATE_LIMITED, "{server} is busy", "Wait a moment and try again; your message is kept."
        ),
        "not_supported": ErrorText(
            2010, ErrorKind.INVALID_REQUEST, "`{model}` cannot do this: {ability}", "Choose a model that can."
        ),
        "all_failed": ErrorText(
            2011, ErrorKind.ALL_FAILED, "No model could answer", "Open Details to see what each of them said."
        ),
        # 3xxx: the way to the server
        "server_unreachable": ErrorText(
            3001,
            ErrorKind.NETWORK,
            "{server} is not running at {address}",
            "Start it, or change its address in Settings, Models. Your message is kept.",
        ),
        "address_unknown": ErrorText(
            3002, ErrorKind.NETWORK, "There is no computer named {address}", "Check the address in Settings, Models."
        ),
        "tls_failed": ErrorText(
            3003,
            ErrorKind.NETWORK,
            "The certificate of {address} is not trusted",
            "Add its certificate authority in Settings, Models.",
        ),
        "connection_lost": ErrorText(
            3004,
            ErrorKind.NETWORK,
            "{server} stopped in the middle of its answer",
            "What arrived is kept. Choose Continue or try again.",
        ),
        "timeout": ErrorText(
            3005,
            ErrorKind.TIMEOUT,
            "{server} did not reply for {seconds} seconds",
            "Try again or choose a faster model. Your message is kept.",
        ),
        "redirected": ErrorText(
            3006,
            ErrorKind.CONFIGURATION,
            "{server} sends requests elsewhere",
            "Enter the final address in Settings, Models; the key was not sent on.",
        ),
        "local_only": ErrorText(
            3007, ErrorKind.CONFIGURATION, "Local-only is on", "Switch it off in Settings to reach {address}."
        ),
        "bad_address": ErrorText(
            3008, ErrorKind.CONFIGURATION, "`{address}` is not a usable address", "Enter one such as {example}."
        ),
        "no_server": ErrorText(
            3010,
            ErrorKind.NETWORK,
            "No model server was found on this computer",
            "Start one, such as Ollama, or add one in Settings, Models.",
        ),
        # 4xxx: the answer
        "cut_off": ErrorText(
            4001,
            ErrorKind.STREAM,
            "The answer was cut off",
            "What arrived is kept. Choose Continue or try again.",
        ),
        "malformed": ErrorText(
            4002, ErrorKind.PARSE, "{server} sent something unreadable", "What arrived is kept. Try again."
        ),
        "not_a_model_server": ErrorText(
            4003,
            ErrorKind.PARSE,
            "{address} does not answer like a model server",
            "Check the address in Settings, Models.",
        ),
        "line_too_long": ErrorText(
            4004, ErrorKind.STREAM, "{server} sent a line beyond 8 MB", "The text so far is kept. Try another model."
        ),
        "answer_too_long": ErrorText(
            4005, ErrorKind.STREAM, "The answer went beyond 64 MB", "The text so far is kept. Ask for a shorter answer."
        ),
        "encoded_body": ErrorText(
            4006,
            ErrorKind.STREAM,
            "{server} sent a compressed answer",
            "Switch compression off in that server or in the proxy before it.",
        ),
        "empty_answer": ErrorText(
            4007, ErrorKind.STREAM, "{server} sent an empty answer", "Try again or choose another model."
        ),
        "server_error_event": ErrorText(
            4008, ErrorKind.STREAM, "{server} failed during the answer", "What arrived is kept. Try again."
        ),
        # 5xxx: this computer
        "disk_full": ErrorText(
            5001,
            ErrorKind.STORAGE,
            "The disk is full",
            "Free some space; the text on screen is kept and saved when there is room.",
        ),
        "database_read_only": ErrorText(
            5002,
            ErrorKind.STORAGE,
            "The folder {folder} cannot be written",
            "Make it writable, or open your chats read-only.",
        ),
        "database_locked": ErrorText(
            5003,
            ErrorKind.STORAGE,
            "Another program holds the database",
            "Close it and try again; nothing was changed.",
        ),
        "database_damaged": ErrorText(
            5004,
            ErrorKind.STORAGE,
            "The database is damaged",
            "Restore the last verified backup; the damaged file is kept beside it.",
        ),
        "database_newer": ErrorText(
            5005,
            ErrorKind.STORAGE,
            "The database was made by a newer version",
            "Install that version again; this one reads version {known}, the file has {found}. Nothing was changed.",
        ),
        "migration_failed": ErrorText(
            5006,
            ErrorKind.STORAGE,
            "The database could not be brought up to date",
            "The old file is unchanged; send the diagnostics bundle with your report.",
        ),
        "backup_failed": ErrorText(
            5007, ErrorKind.STORAGE, "The backup could not be verified", "Free some space and choose Back up now."
        ),
        "storage_failed": ErrorText(
            5008,
            ErrorKind.STORAGE,
            "The database could not be used",
            "Open Details; what was saved is unchanged.",
        ),
        "bad_record": ErrorText(
            5009,
            ErrorKind.STORAGE,
            "A stored record cannot be read",
            "Everything else is fine; restore it from a backup ({place}).",
        ),
        "file_not_written": ErrorText(
            5010, ErrorKind.STORAGE, "{file} could not be written", "Choose another folder: {problem}."
        ),
        "no_keyring": ErrorText(
            5101,
            ErrorKind.SECRET,
            "This system has no keyring",
            "Protect keys with a passphrase instead, or keep them for this run only.",
        ),
        "keyring_locked": ErrorText(
            5102, ErrorKind.SECRET, "The keyring is locked", "Unlock it and try again; the app works without it."
        ),
        "keyring_silent": ErrorText(
            5103, ErrorKind.SECRET, "The keyring did not answer", "Answer its question and try again."
        ),
        "keyring_failed": ErrorText(
            5104, ErrorKind.SECRET, "The keyring could not be used", "Open Details, or keep the key for this run only."
        ),
        "wrong_passphrase": ErrorText(5105, ErrorKind.SECRET, "The passphrase does not fit", "Type it again."),
        "bad_setting": ErrorText(
            5201, ErrorKind.CONFIGURATION, "`{field}` has a value that cannot be used", "Correct it: {problem}."
        ),
        "bad_settings_file": ErrorText(
            5202,
            ErrorKind.CONFIGURATION,
            "The file {file} cannot be read",
            "Correct it: {problem}. The last good settings stay in force.",
        ),
        "endpoint_incomplete": ErrorText(
            5203,
            ErrorKind.CONFIGURATION,
            "The model server lacks {fields}",
            "Fill that in under Settings, Models; nothing was changed.",
        ),
        "endpoint_unknown": ErrorText(
            5204,
            ErrorKind.CONFIGURATION,
            "No model server is set up for `{model}`",
            "Start one on this computer, or add one in Settings, Models.",
        ),
        "engine_missing": ErrorText(
            5301,
            ErrorKind.CONFIGURATION,
            "The built-in engine is not installed",
            "Install the `engine` extra, or start a model server such as Ollama.",
        ),
        "engine_crashed": ErrorText(
            5302, ErrorKind.API, "The built-in engine stopped", "Try a smaller model; Details shows its last words."
        ),
        "bad_model_file": ErrorText(
            5303,
            ErrorKind.CONFIGURATION,
            "{file} is not a valid model file",
            "Download it again or choose another.",
        ),
        "model_not_loaded": ErrorText(
            5304,
            ErrorKind.CONFIGURATION,
            "The built-in engine could not load {file}",
            "Choose a smaller or a newer file; Details shows the engine's last words.",
        ),
        "unsupported_system": ErrorText(
            5401, ErrorKind.CONFIGURATION, "Portal Desktop cannot run here", "Correct it: {problem}."
        ),
        "bug": ErrorText(
            5999,
            ErrorKind.UNKNOWN,
            "Something in Portal Desktop went wrong",
            "Try again; the report under Diagnostics says what happened.",
        ),
    }
)


class PortalError(Exception):
    """An error the user reads: what happened, what was kept, what to do.

    `name` is its entry in `CATALOGUE`; `values` fill the entry's placeholders. `technical` is for Details and the
    log and never appears in title or advice.
    """

    def __init__(
        self,
        name: str,
        *,
        technical: str = "",
        retry_after: float | None = None,
        request_id: str = "",
        **values: object,
    ) -> None:
        entry = CATALOGUE[name]
        self.name = name
        self.code = entry.code
        self.kind = entry.kind
        self.values: Mapping[str, object] = MappingProxyType(dict(values))
        self.title = entry.title.format(**values)
        self.advice = entry.advice.format(**values)
        self.technical = technical
        self.retry_after = retry_after
        self.request_id = request_id
        super().__init__(f"{self.title} ({self.code}{', ' + technical if technical else ''})")

    @property
    def strategy(self) -> Strategy:
        """What a caller does about it."""
        return STRATEGIES[self.kind]

    @property
    def retriable(self) -> bool:
        """Whether the same request may succeed later."""
        return self.strategy is Strategy.RETRY

    def causes(self) -> Iterator[BaseException]:
        """Yield the chain of causes, nearest first."""
        cause = self.__cause__
        while cause is not None:
            yield cause
            cause = cause.__cause__ or cause.__context__


class ProviderError(PortalError):
    """A model server, its address or its answer; `provider` is the endpoint's id."""

    def __init__(
        self,
        name: str,
        *,
        provider: str = "",
        status: int | None = None,
        technical: str = "",
        retry_after: float | None = None,
        request_id: str = "",
        **values: object,
    ) -> None:
        super().__init__(name, technical=technical, retry_after=retry_after, request_id=request_id, **values)
        self.provider = provider
        self.status = status


class StorageError(PortalError):
    """The database file or the disk under it."""


class SecretError(PortalError):
    """The keyring."""


class SettingsError(PortalError):
    """A setting or the administrator's file."""


class InvalidInput(PortalError):  # noqa: N818 - the word the user and the callers know
    """What the caller gave cannot be used, or names nothing that is there."""


class ToolError(Exception):
    """A tool's refusal or failure, worded for the model; `code` is stable (`TASK_NOT_FOUND`, `VALIDATION_ERROR`)."""

    def __init__(self, message: str, *, code: str = "TOOL_FAILED") -> None:
        super().__init__(message)
        self.code = code


class IllegalTransition(RuntimeError):  # noqa: N818 - reads as what it is
    """A state machine was asked for a step its present state does not have."""

    def __init__(self, what: str, state: object, wanted: object) -> None:
        super().__init__(f"{what} cannot go from {state} to {wanted}")
