"""Time: text that sorts, zones by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from portal_desktop.clock import from_iso, local_zone, to_iso

MOMENT = datetime(2026, 3, 29, 0, 59, 59, 5, tzinfo=UTC)


@pytest.mark.spec("P-38")
def test_to_iso_of_another_zone_is_utc_with_a_z() -> None:
    assert to_iso(MOMENT.astimezone(timezone(timedelta(hours=5, minutes=45)))) == "2026-03-29T00:59:59.000005Z"


@pytest.mark.spec("P-38")
def test_to_iso_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        to_iso(MOMENT.replace(tzinfo=None))


def test_from_iso_of_what_to_iso_wrote_is_equal() -> None:
    assert from_iso(to_iso(MOMENT)) == MOMENT


def test_from_iso_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no zone"):
        from_iso("2026-03-29T00:59:59")


def test_local_zone_named_by_the_user_is_that_zone() -> None:
    assert local_zone("Asia/Kathmandu") == ZoneInfo("Asia/Kathmandu")


def test_local_zone_of_a_linked_system_is_the_linked_zone(tmp_path: Path) -> None:
    link = tmp_path / "localtime"
    link.symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    assert local_zone("", link) == ZoneInfo("Europe/Berlin")


def test_local_zone_without_a_name_still_knows_an_offset(tmp_path: Path) -> None:
    zone = local_zone("No/Such_Place", tmp_path / "absent")
    assert zone.utcoffset(MOMENT.replace(tzinfo=None)) is not None
