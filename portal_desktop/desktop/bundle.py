"""Collects what a bug report may hold, for the user to look at."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import partial

from portal_desktop.assembly import Core
from portal_desktop.doctor import Bundle
from portal_desktop.log import redact


async def collect(core: Core, reports: Sequence[str]) -> Bundle:
    """Examine every part and return the files; nothing is written yet."""
    handle = core.log
    checks = await core.doctor().examine()

    def build() -> Bundle:
        return Bundle.of(
            checks=checks,
            settings=core.settings,
            reports=reports,
            log_tail="" if handle is None else handle.tail(),
            redact=redact if handle is None else handle.redactor.text,
            to_text=partial(json.dumps, indent=1, default=str),
        )

    return await asyncio.to_thread(build)
