"""The tool that tells the time."""

from __future__ import annotations

import pytest

from tests.support.clock import FakeClock
from tests.tools.conftest import Ask


@pytest.mark.spec("T-25")
async def test_current_time_without_a_zone_is_local(ask: Ask) -> None:
    result, answer = await ask("current_time")
    assert result.ok
    assert answer == {
        "success": True,
        "local": "2026-11-18T10:00:00+01:00",
        "date": "2026-11-18",
        "time": "10:00",
        "weekday": "Wednesday",
        "zone": "Europe/Berlin",
        "utc": "2026-11-18T09:00:00.000000Z",
    }


@pytest.mark.spec("T-25")
async def test_current_time_in_another_zone_is_that_of_its_clocks(ask: Ask, clock: FakeClock) -> None:
    clock.jump(12 * 3600)
    _, answer = await ask("current_time", zone="Asia/Kathmandu")
    assert (answer["local"], answer["weekday"], answer["zone"]) == (
        "2026-11-19T02:45:00+05:45",
        "Thursday",
        "Asia/Kathmandu",
    )


@pytest.mark.spec("S-32")
async def test_current_time_given_malformed_arguments_tells_nothing(ask: Ask) -> None:
    zones: list[object] = [
        [],
        {},
        True,
        "",
        " ",
        "Mars",
        "../../etc/passwd",
        "/etc/passwd",
        "Europe",
        "Europe/",
        "x" * 65,
    ]
    zones += [["Europe/Berlin"], {"name": "UTC"}, 5, 5.5, -1, "\u0000", "Berlin", "GMT+25", "Europe/Berlin;", "a/b/c/d"]
    wrong: list[dict[str, object]] = [{"zone": zone} for zone in zones]
    wrong += [{"tz": "UTC"}, {"zone": "UTC", "x": 1}, {"Zone": "UTC"}, {"user_id": 1}, {"": ""}, {"zone ": "UTC"}]
    wrong += [{"zone": "Europe\\Berlin"}, {"zone": "~"}, {"zone": "."}]
    assert len(wrong) >= 30
    for arguments in wrong:
        result, answer = await ask("current_time", **arguments)
        assert not result.ok, arguments
        assert answer["error"] in {"VALIDATION_ERROR", "UNKNOWN_ZONE"}
