"""Collects what a bug report may hold, for the user to look at."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from portal_desktop.assembly import Core
from portal_desktop.doctor import Bundle
from portal_desktop.log import redact


async def collect(core: Core, reports: Sequence[str]) -> Bundle:
    """Examine every part and return the files; nothing is written yet. The home folder, often a name, becomes ~."""
    handle = core.log
    home = str(Path.home())
    checks = await core.doctor().examine()

    def masked(text: str) -> str:
        known = redact(text) if handle is None else handle.redactor.text(text)
        return known.replace(home, "~") if len(home) > 1 else known

    def build() -> Bundle:
        return Bundle.of(
            checks=checks,
            settings=core.settings,
            reports=reports,
            log_tail="" if handle is None else handle.tail(),
            redact=masked,
            to_text=partial(json.dumps, indent=1, default=str),
        )

    return await asyncio.to_thread(build)
