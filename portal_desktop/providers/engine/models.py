"""The model files the engine may load, and what each says of itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from portal_desktop.errors import ProviderError
from portal_desktop.providers.base import ModelFacts
from portal_desktop.providers.engine.header import FILE_TYPES, BadHeader, Header, read_header

SUFFIX = ".gguf"
PART_OF_SEVERAL = re.compile(r"-(\d{5})-of-\d{5}$")

THINKING_SIGNS = ("<think>", "reasoning_content", "enable_thinking")


@dataclass(frozen=True, slots=True)
class _Read:
    """A header together with what the file looked like when it was read."""

    stamp: tuple[int, int]
    header: Header


class ModelFiles:
    """Finds `*.gguf` below one folder and among files the user picked; headers are read in a thread and remembered."""

    def __init__(self, folder: Path, picked: Callable[[], Iterable[Path]] = lambda: ()) -> None:
        self._folder = folder
        self._picked = picked
        self._read: dict[Path, _Read] = {}

    async def all(self, endpoint: str) -> tuple[tuple[Path, ModelFacts], ...]:
        """Return the usable files as models; damaged ones are left out (choosing one would say why)."""
        found: list[tuple[Path, ModelFacts]] = []
        for model, path in (await asyncio.to_thread(self._files)).items():
            try:
                found.append((path, facts(model, endpoint, await self._header(path))))
            except (BadHeader, OSError):
                continue
        return tuple(found)

    async def check(self, model: str, endpoint: str) -> tuple[Path, ModelFacts]:
        """Return a model's file after looking at its header.

        Raises:
            ProviderError: there is no such file, or it is not a complete model file.
        """
        path = (await asyncio.to_thread(self._files)).get(model)
        if path is None:
            raise ProviderError("model_missing", provider=endpoint, server="The built-in engine", model=model)
        try:
            return path, facts(model, endpoint, await self._header(path))
        except BadHeader as problem:
            raise ProviderError(
                "bad_model_file", provider=endpoint, technical=str(problem), file=path.name
            ) from problem
        except OSError as problem:
            raise ProviderError(
                "bad_model_file", provider=endpoint, technical=f"it cannot be read: {problem.strerror}", file=path.name
            ) from problem

    async def _header(self, path: Path) -> Header:
        known = self._read.get(path)
        fresh = await asyncio.to_thread(_read_if_changed, path, known)
        self._read[path] = fresh
        return fresh.header

    def _files(self) -> Mapping[str, Path]:
        below = sorted(path for path in self._folder.rglob(f"*{SUFFIX}") if path.is_file())
        files = {path.relative_to(self._folder).with_suffix("").as_posix(): path for path in below}
        for path in self._picked():
            files.setdefault(path.stem, path)
        return {model: path for model, path in files.items() if not _is_later_part(model)}


def facts(model: str, endpoint: str, header: Header) -> ModelFacts:
    """Return what a header tells; a capability it does not speak of stays unknown."""
    template = header.text("tokenizer.chat_template")
    embeds = header.of_architecture("pooling_type") is not None
    file_type = header.number("general.file_type")
    return ModelFacts(
        id=model,
        endpoint=endpoint,
        name=header.text("general.name") or model,
        context_length=header.of_architecture("context_length"),
        tools=bool(re.search(r"\btools\b", template)) if template else False if embeds else None,
        thinking=any(sign in template for sign in THINKING_SIGNS) if template else None,
        embedding=embeds,
        size_bytes=header.size,
        parameters=header.text("general.size_label"),
        quantization=FILE_TYPES.get(file_type, "") if file_type is not None else "",
        family=header.architecture,
    )


def _read_if_changed(path: Path, known: _Read | None) -> _Read:
    state = path.stat()
    stamp = (state.st_size, state.st_mtime_ns)
    return known if known is not None and known.stamp == stamp else _Read(stamp, read_header(path))


def _is_later_part(model: str) -> bool:
    part = PART_OF_SEVERAL.search(model)
    return part is not None and part[1] != "00001"
