"""Which value holds, why, and what happens to one that cannot be used."""

from __future__ import annotations

import asyncio
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from portal_desktop.errors import SettingsError
from portal_desktop.settings import BY_ID, SETTINGS, Environment, Origin, Scope, Setting, Settings, declared
from portal_desktop.settings.kinds import (
    Choice,
    Duration,
    Endpoints,
    Flag,
    Maybe,
    Number,
    Patterns,
    Ports,
    Whole,
    plain,
)
from tests.settings.conftest import Table

Make = Callable[..., Settings]


@pytest.mark.spec("S-25")
async def test_layers_from_default_to_environment_overrule_in_order(make: Make, table: Table, admin_file: Path) -> None:
    settings = make()
    assert (settings.get(declared.MAX_ROUNDS), settings.origin(declared.MAX_ROUNDS)) == (8, Origin.DEFAULT)
    await settings.attach(table)
    await settings.set(declared.MAX_ROUNDS, 5)
    assert (settings.get(declared.MAX_ROUNDS), settings.origin(declared.MAX_ROUNDS)) == (5, Origin.USER)
    admin_file.write_text("[chat]\nmax_rounds = 4\n")
    settings.load()
    assert (settings.get(declared.MAX_ROUNDS), settings.origin(declared.MAX_ROUNDS)) == (4, Origin.ADMIN_FILE)
    settings = make({"PORTAL_CHAT_MAX_ROUNDS": "3"})
    await settings.attach(table)
    assert (settings.get(declared.MAX_ROUNDS), settings.origin(declared.MAX_ROUNDS)) == (3, Origin.ENVIRONMENT)


@pytest.mark.spec("S-25")
async def test_reload_after_another_window_wrote_announces_the_change(make: Make, table: Table) -> None:
    mine, other, heard = make(), make(), list[str]()
    await mine.attach(table)
    await other.attach(table)
    mine.subscribe(lambda setting: heard.append(setting.id))
    await other.set(declared.ZOOM, 150)
    await mine.reload()
    assert mine.get(declared.ZOOM) == 150
    assert heard == ["appearance.zoom"]


def test_declarations_have_unique_ids_valid_defaults_and_words() -> None:
    assert len(BY_ID) == len(SETTINGS)
    for setting in SETTINGS:
        assert setting.kind.check(plain(setting.default)) == setting.default, setting.id
        assert setting.title
        assert setting.help.endswith((".", "anyway."))
        assert not setting.title.endswith(".")


@pytest.mark.spec("R-28")
def test_declarations_of_configuration_are_frozen_and_choose_no_cloud() -> None:
    with pytest.raises(AttributeError):
        declared.ZOOM.default = 3  # type: ignore[misc]
    assert declared.ENDPOINTS.default == ()
    assert declared.DEFAULT_MODEL.default == declared.TASKS_MODEL.default == ""


async def test_set_out_of_bounds_names_field_and_problem_and_changes_nothing(make: Make, table: Table) -> None:
    settings = make()
    await settings.attach(table)
    with pytest.raises(SettingsError) as caught:
        await settings.set(declared.MAX_ROUNDS, 26)
    assert caught.value.values["field"] == "chat.max_rounds"
    assert "26 is not between 1 and 25" in caught.value.advice
    assert settings.get(declared.MAX_ROUNDS) == 8
    assert table.rows == {}


async def test_set_of_a_locked_value_says_what_locks_it(make: Make, table: Table, admin_file: Path) -> None:
    admin_file.write_text("appearance.zoom = 120\n")
    settings = make({"PORTAL_CHAT_MAX_ROUNDS": "3"})
    await settings.attach(table)
    with pytest.raises(SettingsError, match="cannot be used") as caught:
        await settings.set(declared.MAX_ROUNDS, 5)
    assert "PORTAL_CHAT_MAX_ROUNDS" in caught.value.advice
    with pytest.raises(SettingsError) as caught:
        await settings.set(declared.ZOOM, 100)
    assert str(admin_file) in caught.value.advice
    assert table.rows == {}


async def test_reset_of_a_user_value_restores_and_announces_the_default(make: Make, table: Table) -> None:
    settings, heard = make(), list[str]()
    await settings.attach(table)
    await settings.set(declared.THEME, "dark")
    end = settings.subscribe(lambda setting: heard.append(setting.id))
    await settings.reset(declared.THEME)
    end()
    await settings.set(declared.THEME, "light")
    assert heard == ["appearance.theme"]
    assert table.rows == {"appearance.theme": '"light"'}


@pytest.mark.spec("R-17")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ""),
        (b"\xef\xbb\xbf[chat]\nmax_rounds = 4\n", ""),
        (b"[chat\n", "line 1"),
        (b"[chat]\nmax_rounds = 99\n", "chat.max_rounds: 99 is not between 1 and 25"),
        (b"[chat]\nmax_rounds = true\n", "chat.max_rounds: True is not a whole number"),
        (b"[chat]\nrounds = 4\n", "there is no setting chat.rounds"),
        ("[chat]\nmax_rounds = 4\n".encode("utf-16"), "codec can't decode"),
        (b"[chat]\nmax_rounds = 4\n" + b"#" * 50_000_000, "larger than 1 MB"),
        (b'[privacy]\nmask_patterns = ["ok", "(x"]\n', "privacy.mask_patterns[1]"),
    ],
)
def test_admin_file_broken_keeps_the_last_good_and_says_why(
    content: bytes, words: str, make: Make, admin_file: Path
) -> None:
    admin_file.write_text("[chat]\nmax_rounds = 6\n[appearance]\nzoom = 130\n")
    first = make()
    admin_file.write_bytes(content)
    first.load()
    again = make()
    for settings in (first, again):
        if words:
            (problem,) = settings.problems
            assert problem.name == "bad_settings_file"
            assert problem.values["file"] == "portal.toml"
            assert words in str(problem.values["problem"])
            assert (settings.get(declared.MAX_ROUNDS), settings.get(declared.ZOOM)) == (6, 130)
        else:
            assert settings.problems == ()
            assert settings.get(declared.ZOOM) == 100


def test_admin_file_replaced_by_a_folder_keeps_the_last_good(make: Make, admin_file: Path) -> None:
    admin_file.write_text("privacy.local_only = true\n")
    make()
    admin_file.unlink()
    admin_file.mkdir()
    settings = make()
    assert settings.get(declared.LOCAL_ONLY) is True
    assert [problem.name for problem in settings.problems] == ["bad_settings_file"]


def test_admin_file_deleted_keeps_the_last_good_without_a_problem(make: Make, admin_file: Path) -> None:
    admin_file.write_text("privacy.local_only = true\n")
    settings = make()
    admin_file.unlink()
    settings.load()
    assert settings.get(declared.LOCAL_ONLY) is True
    assert make().get(declared.LOCAL_ONLY) is True
    assert settings.problems == ()


@pytest.mark.spec("R-17")
def test_environment_with_a_bad_value_is_reported_and_the_next_layer_holds(make: Make) -> None:
    settings = make({"PORTAL_CHAT_MAX_ROUNDS": "many", "PORTAL_PRIVACY_MASK_PATTERNS": '["(a+)+$"]'})
    assert {problem.values["field"] for problem in settings.problems} == {
        "PORTAL_CHAT_MAX_ROUNDS",
        "PORTAL_PRIVACY_MASK_PATTERNS",
    }
    assert settings.get(declared.MAX_ROUNDS) == 8
    assert settings.get(declared.MASK_PATTERNS) == ()


async def test_user_row_out_of_bounds_is_reported_until_it_is_corrected(make: Make, table: Table) -> None:
    table.rows = {"chat.max_rounds": "99", "appearance.zoom": "150", "gone.setting": "1"}
    settings = make()
    await settings.attach(table)
    assert [problem.values["field"] for problem in settings.problems] == ["chat.max_rounds"]
    assert settings.get(declared.ZOOM) == 150
    await settings.set(declared.MAX_ROUNDS, 9)
    assert settings.problems == ()


@pytest.mark.spec("R-30")
@pytest.mark.parametrize("persona", [None, 0.1])
@pytest.mark.parametrize("conversation", [None, 0.2])
@pytest.mark.parametrize("message", [None, 0.3])
@pytest.mark.parametrize("user", [None, 0.4])
async def test_effective_value_comes_from_the_narrowest_place_that_has_one(
    persona: float | None,
    conversation: float | None,
    message: float | None,
    user: float | None,
    make: Make,
    table: Table,
) -> None:
    settings = make()
    await settings.attach(table)
    if user is not None:
        await settings.set(declared.TEMPERATURE, user)
    given = [(Origin.PERSONA, persona), (Origin.CONVERSATION, conversation), (Origin.MESSAGE, message)]
    overrides = [(origin, {"chat.temperature": value}) for origin, value in given if value is not None]
    order = [(message, Origin.MESSAGE), (conversation, Origin.CONVERSATION), (persona, Origin.PERSONA)]
    expected = next(
        ((value, origin) for value, origin in [*order, (user, Origin.USER)] if value is not None),
        (None, Origin.DEFAULT),
    )
    assert settings.effective(declared.TEMPERATURE, overrides) == expected


@pytest.mark.spec("R-30")
def test_effective_with_an_override_out_of_place_or_bounds_is_an_error(make: Make) -> None:
    settings = make()
    with pytest.raises(SettingsError, match="cannot be used") as caught:
        settings.effective(declared.LOCAL_ONLY, [(Origin.CONVERSATION, {"privacy.local_only": False})])
    assert "cannot be set for one conversation" in caught.value.advice
    with pytest.raises(SettingsError, match="cannot be used"):
        settings.effective(declared.MAX_ROUNDS, [(Origin.MESSAGE, {"chat.max_rounds": 3})])
    with pytest.raises(SettingsError, match="cannot be used"):
        settings.effective(declared.TEMPERATURE, [(Origin.MESSAGE, {"chat.temperature": 9})])
    assert declared.MAX_ROUNDS.scope is Scope.CONVERSATION


def valid_values(setting: Setting[Any]) -> st.SearchStrategy[object]:
    kind = setting.kind
    nothing = isinstance(kind, Maybe)
    if isinstance(kind, Maybe):
        kind = kind.of
    found: st.SearchStrategy[object]
    if isinstance(kind, Flag):
        found = st.booleans()
    elif isinstance(kind, Whole):
        found = st.integers(kind.minimum, kind.maximum)
    elif isinstance(kind, Number | Duration):
        found = st.floats(kind.minimum, kind.maximum)
    elif isinstance(kind, Choice):
        found = st.sampled_from(kind.choices)
    elif isinstance(kind, Ports):
        found = st.lists(st.integers(1, 65535), max_size=16, unique=True).map(tuple)
    elif isinstance(kind, Patterns):
        found = st.lists(st.sampled_from(["secret-\\d+", "[A-Z]{3}x", "größe"]), max_size=3).map(tuple)
    elif isinstance(kind, Endpoints):
        entry = {
            "id": "box",
            "kind": "openai",
            "name": "Büro",
            "base_url": "http://10.0.0.2:8000/v1",
            "credential": "box",
        }
        found = st.sampled_from([(), (entry,)])
    else:
        found = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
    return st.none() | found if nothing else found


@pytest.mark.spec("S-29")
@examples(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.fixed_dictionaries({}, optional={setting.id: valid_values(setting) for setting in SETTINGS}))
def test_values_saved_and_read_after_a_restart_are_equal(chosen: dict[str, Any], make: Make) -> None:
    async def save(table: Table) -> None:
        settings = make()
        await settings.attach(table)
        for name, value in chosen.items():
            await settings.set(BY_ID[name], value)

    async def read(table: Table) -> dict[str, Any]:
        settings = make()
        await settings.attach(table)
        assert settings.problems == ()
        return {name: settings.get(BY_ID[name]) for name in chosen}

    table = Table()
    asyncio.run(save(table))
    assert asyncio.run(read(table)) == chosen


def test_environment_with_a_misspelt_variable_finds_it() -> None:
    environment = Environment({"PORTAL_HOME": "/x", "PORTAL_LOG_LEVEL": "info", "PORTAL_CHAT_ROUNDS": "1", "PATH": ""})
    assert environment.unknown(SETTINGS) == ("PORTAL_CHAT_ROUNDS",)


def test_environment_with_a_home_puts_every_folder_below_it(tmp_path: Path) -> None:
    paths = Environment({"PORTAL_HOME": str(tmp_path)}).paths
    for folder in (paths.data, paths.config, paths.cache, paths.logs, paths.database, paths.admin_file, paths.lock):
        assert folder.is_relative_to(tmp_path)
    assert not Environment({}).paths.data.is_relative_to(tmp_path)


def test_environment_of_the_process_is_a_snapshot_of_it() -> None:
    assert dict(Environment.of_process().process) == dict(os.environ)


def test_settings_when_imported_load_no_pydantic_and_no_qt() -> None:
    code = (
        "import sys, pathlib; from portal_desktop.settings import *; "
        "s = Settings(Environment({}), pathlib.Path('none'), pathlib.Path('none'), SETTINGS); s.load(); "
        "print([m for m in ('pydantic', 'PySide6', 'httpx', 'apsw') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_numbers_that_are_none_are_refused(make: Make) -> None:
    for wrong in (math.nan, math.inf, "1", True):
        with pytest.raises(SettingsError):
            make().check(declared.TOP_P, wrong)


def test_plain_of_tuples_and_tables_is_what_json_keeps() -> None:
    value = ({"id": "a"}, (1, 2))
    assert plain(value) == json.loads(json.dumps(plain(value)))
