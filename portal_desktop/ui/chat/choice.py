"""Which model the next message goes to, and why that one."""

from __future__ import annotations

from portal_desktop.chat.history import Conversation
from portal_desktop.messages import Mode
from portal_desktop.providers.base import ModelFacts, Reasoning
from portal_desktop.settings import Settings, declared
from portal_desktop.ui.picker.model import FoundModels
from portal_desktop.ui.places import Places

LAST_MODEL = "chat/model"


class ModelChoice:
    """The choice of one chat panel. `picked` is what the user picked for a chat that has no message yet."""

    def __init__(self, found: FoundModels, settings: Settings, places: Places) -> None:
        self._found = found
        self._settings = settings
        self._places = places
        self._learned: set[str] = set()
        self.picked = ""
        self.new_mode = Mode(settings.get(declared.DEFAULT_MODE))

    def effective(self, conversation: Conversation | None) -> str:
        """Return this chat's model, else the default, else the last one used, else the first one found."""
        if self.picked:
            return self.picked
        if conversation is not None and conversation.model:
            return conversation.model
        last = self._places.text(LAST_MODEL)
        default = self._settings.get(declared.DEFAULT_MODEL)
        return default or (last if self._found.facts(last) is not None else self._found.first())

    def mode(self, conversation: Conversation | None) -> Mode:
        """Return how far the next turn may go."""
        return conversation.mode if conversation is not None else self.new_mode

    def used(self, full_id: str) -> None:
        """Remember what was chosen or used last."""
        self._places.set_text(LAST_MODEL, full_id)

    def thinking(self) -> Reasoning:
        """Return what the settings say about thinking."""
        wanted = self._settings.get(declared.REASONING)
        return "on" if wanted == "on" else "off" if wanted == "off" else "auto"

    def longest(self) -> int:
        """Return how many characters a message may have."""
        return self._settings.get(declared.MAX_MESSAGE_CHARS)

    def to_learn(self, full_id: str, facts: ModelFacts | None) -> bool:
        """Return, once per model, whether its server should be asked for what the list does not tell."""
        if facts is None or facts.thinking is not None or full_id in self._learned:
            return False
        self._learned.add(full_id)
        return True
