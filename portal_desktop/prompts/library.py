"""The shipped texts, read once at start; composing afterwards touches no file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from portal_desktop.errors import InvalidInput

_VARIABLE = re.compile(r"\{\{(\w+)\}\}")
_HEADER = re.compile(r"version: (\d+)\n\n")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One version of a text; variables are written ``{{name}}``."""

    id: str
    text: str
    version: str = "1"

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text with its variables replaced; values are never searched for variables themselves.

        Raises:
            InvalidInput: a variable has no value; it is named.
        """

        def value(match: re.Match[str]) -> str:
            name = match.group(1)
            if name not in values:
                raise InvalidInput("invalid_field", field=f"{self.id}: {name}", problem="this variable has no value")
            return values[name]

        return _VARIABLE.sub(value, self.text)


class Library:
    """Prompts by id. Construction reads nothing; `load` reads every ``*.md`` of the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._prompts: dict[str, Prompt] = {}

    def load(self) -> int:
        """Read all texts, all or none, and return their number.

        Raises:
            OSError: a file cannot be read; the old texts stay.
            InvalidInput: a file lacks its version line.
        """
        prompts = {file.stem: _parse(file) for file in sorted(self._folder.glob("*.md"))}
        self._prompts = prompts
        return len(prompts)

    def get(self, prompt_id: str) -> Prompt:
        """Return a text.

        Raises:
            InvalidInput: there is none of that id.
        """
        prompt = self._prompts.get(prompt_id)
        if prompt is None:
            raise InvalidInput("not_found", what=f"prompt {prompt_id}")
        return prompt

    def phrases(self, prompt_id: str) -> Mapping[str, str]:
        """Return a text of lines ``tool: phrase, phrase`` as a table."""
        lines = (line.partition(":") for line in self.get(prompt_id).text.splitlines())
        return {name.strip(): words.strip() for name, mark, words in lines if mark}


def _parse(file: Path) -> Prompt:
    text = file.read_text(encoding="utf-8")
    header = _HEADER.match(text)
    if header is None:
        raise InvalidInput("invalid_field", field=file.name, problem="the first line must be its version")
    return Prompt(file.stem, text[header.end() :].strip(), header.group(1))
