"""Each kind of value: what text and data it accepts, and in which words it refuses."""

from __future__ import annotations

import re

import pytest

from portal_desktop.settings import declared
from portal_desktop.settings.kinds import (
    Choice,
    Duration,
    Endpoints,
    Flag,
    Kind,
    Maybe,
    Number,
    Patterns,
    Ports,
    Whole,
    Words,
)
from portal_desktop.settings.models import check_endpoints, check_patterns


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Flag(), " Yes", True),
        (Flag(), "off", False),
        (Whole(1, 9), "7", 7),
        (Number(0, 1), ".5", 0.5),
        (Choice(("a", "b")), "B", "b"),
        (Maybe(Whole(1, 9), "automatic"), "none", None),
        (Maybe(Whole(1, 9), "automatic"), "", None),
        (Maybe(Whole(1, 9), "automatic"), "9", 9),
        (Ports(), "8000, 8081,", (8000, 8081)),
        (Patterns(), '["a.b"]', ("a.b",)),
        (Words(10), "größer 🌱", "größer 🌱"),
    ],
)
def test_kind_given_a_variable_reads_it(kind: Kind[object], text: str, value: object) -> None:
    assert kind.parse(text) == value
    assert kind.check(value) == value
    assert kind.describe()


@pytest.mark.spec("R-30")
@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30.0), ("30s", 30.0), ("500ms", 0.5), ("2m", 120.0), ("2 min", 120.0), ("1h", 3600.0)]
)
def test_duration_with_a_unit_is_seconds(text: str, seconds: float) -> None:
    assert Duration(0.1, 7200).parse(text) == seconds
    assert Duration(0.1, 7200).check(text) == seconds


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        (Flag(), "maybe", "neither on nor off"),
        (Whole(1, 9), "1.5", "not a whole number"),
        (Whole(1, 9), "10", "10 is not between 1 and 9"),
        (Number(0, 1), "x", "not a number"),
        (Number(0, 1), "nan", "not a number"),
        (Duration(1, 300), "30 parsecs", "not a duration"),
        (Duration(1, 300), "10m", "600 is not between 1 and 300"),
        (Choice(("a", "b")), "c", "not one of a, b"),
        (Ports(), "0", "between 1 and 65535"),
        (Ports(), "1,1", "named twice"),
        (Words(3), "four", "4 characters, 3 is the limit"),
        (Words(9), "a\nb", "one line"),
        (Words(9), "a\0b", "no text"),
        (Patterns(), "a.b", "no JSON"),
        (Patterns(), '"a.b"', "not a list"),
        (Endpoints(), "[1]", "table of texts"),
        (Endpoints(), '[{"id": "box"}]', "endpoint box lacks kind, base_url"),
    ],
)
def test_kind_given_a_wrong_variable_says_what_is_wrong(kind: Kind[object], text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        kind.parse(text)


@pytest.mark.parametrize("kind", [Flag(), Whole(1, 9), Number(0, 1), Words(9), Ports(), Patterns(), Endpoints()])
def test_kind_given_data_of_another_type_refuses_it(kind: Kind[object]) -> None:
    with pytest.raises(ValueError, match=r"not|neither"):
        kind.check(object())


@pytest.mark.spec("R-17")
def test_patterns_with_one_that_does_not_compile_name_place_and_position() -> None:
    with pytest.raises(ValueError, match=r"privacy\.mask_patterns\[1\]: .* at position 2"):
        check_patterns(("fine", "ab(", "also fine"), "privacy.mask_patterns")


@pytest.mark.spec("R-17")
@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(\w+\s?)*#", r"(x|xx)*y", r"^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_patterns_that_backtrack_for_long_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="takes too long"):
        check_patterns((pattern,), "privacy.mask_patterns")


@pytest.mark.parametrize("pattern", [r"KD-\d{6}", r"(?i)projekt \w+", r"[a-z]+@[a-z]+\.example"])
def test_patterns_that_are_harmless_are_accepted(pattern: str) -> None:
    assert declared.MASK_PATTERNS.kind.validate([pattern], "privacy.mask_patterns") == (pattern,)


@pytest.mark.parametrize("pattern", ["", "a*", "(|x)"])
def test_patterns_that_match_nothing_at_all_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"mask_patterns\[0\]"):
        check_patterns((pattern,), "privacy.mask_patterns")


def entry(**changed: str) -> dict[str, str]:
    return {"id": "box", "kind": "openai", "name": "Box", "base_url": "http://127.0.0.1:8000/v1", **changed}


def test_endpoints_that_are_usable_are_completed() -> None:
    (checked,) = check_endpoints((entry(base_url="https://models.example/v1/"),), "models.endpoints")
    assert checked == entry(base_url="https://models.example/v1", credential="")


@pytest.mark.spec("R-17", "R-28")
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"kind": "cloud"}, "models.endpoints[0].kind"),
        ({"base_url": "ftp://x"}, "must look like http"),
        ({"base_url": "http://"}, "must look like http"),
        ({"base_url": "http://me:secret@x"}, "must not carry a key"),
        ({"base_url": "http://x/?key=1"}, "must not carry a key"),
        ({"base_url": "http://x:99999"}, "port"),
        ({"id": "Not An Id"}, "models.endpoints[0].id"),
        ({"api_key": "sk-secret"}, "models.endpoints[0].api_key"),
    ],
)
def test_endpoints_with_a_wrong_field_name_it(changed: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        check_endpoints((entry(**changed),), "models.endpoints")
    assert "sk-secret" not in str(caught.value)


def test_endpoints_with_the_same_id_twice_are_refused() -> None:
    with pytest.raises(ValueError, match="box is given twice"):
        check_endpoints((entry(), entry()), "models.endpoints")


@pytest.mark.spec("R-28")
def test_endpoints_that_lack_fields_list_them() -> None:
    with pytest.raises(ValueError, match="lacks kind, base_url"):
        Endpoints().check([{"id": "box"}])
