"""Date and time for a model, which knows neither."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from zoneinfo import ZoneInfo

from portal_desktop.clock import Clock, to_iso
from portal_desktop.errors import ToolError
from portal_desktop.messages import JsonObject
from portal_desktop.tools.base import Power, Tool, ToolContext
from portal_desktop.tools.results import object_schema


def clock_tools(clock: Clock, zone: Callable[[], tzinfo]) -> tuple[Tool, ...]:
    """Return the tool that tells the time, in the user's zone unless another is asked for."""

    async def current_time(arguments: JsonObject, _context: ToolContext) -> object:
        name = arguments.get("zone")
        there = _zone(name) if name else zone()
        now = clock.now().astimezone(there)
        return {
            "success": True,
            "local": now.isoformat(timespec="seconds"),
            "date": now.date().isoformat(),
            "time": now.strftime("%H:%M"),
            "weekday": now.strftime("%A"),
            "zone": str(name or getattr(there, "key", None) or now.tzname()),
            "utc": to_iso(now),
        }

    return (
        Tool(
            name="current_time",
            description="Tell the current date, time and weekday, here or in another time zone.",
            parameters=object_schema(
                {
                    "zone": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 64,
                        "description": "IANA name such as Europe/Berlin; leave it out for the user's own zone.",
                    }
                }
            ),
            run=current_time,
            title="Look at the clock",
            done="Looked at the clock",
            powers=frozenset({Power.LOOK}),
        ),
    )


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name.strip())
    except (KeyError, OSError, ValueError) as error:
        raise ToolError(
            f"{name!r} is no time zone; use an IANA name such as Asia/Tokyo.", code="UNKNOWN_ZONE"
        ) from error
