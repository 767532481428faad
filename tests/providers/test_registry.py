"""Which endpoints there are and which client a model means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from portal_desktop.credentials import Secret
from portal_desktop.errors import InvalidInput, ProviderError
from portal_desktop.messages import Finish, user
from portal_desktop.net import Network
from portal_desktop.providers.base import ChatRequest, Endpoint, ProviderKind
from portal_desktop.providers.lmstudio import LMStudioProvider
from portal_desktop.providers.ollama import OllamaProvider
from portal_desktop.providers.openai import OpenAIProvider
from portal_desktop.providers.registry import Providers, endpoint_from, normal_address
from portal_desktop.providers.scripted import ScriptedProvider
from portal_desktop.settings import SETTINGS, Environment, Settings, declared
from tests.servers.ollama import FakeOllama

HOME = {"id": "home", "kind": "ollama", "base_url": "http://127.0.0.1:11434", "name": "Home"}
WORK = {"id": "work", "kind": "openai", "base_url": "https://models.example/v1", "credential": "work-key"}
FOUND = Endpoint("ollama", ProviderKind.OLLAMA, "Ollama", "http://127.0.0.1:9999", discovered=True)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(Environment({}), tmp_path / "admin.toml", tmp_path / "good.toml", SETTINGS)
    made.load()
    return made


class Store:
    def __init__(self) -> None:
        self.kept: dict[str, object] = {}

    async def load(self) -> dict[str, object]:
        return dict(self.kept)

    async def save(self, setting_id: str, value: object | None) -> None:
        self.kept[setting_id] = value

    async def version(self) -> int:
        return 0


Make = Callable[..., Providers]


@pytest.fixture
async def make(network: Network, settings: Settings) -> Make:
    await settings.attach(Store())

    async def credential(name: str) -> Secret | None:
        return Secret(f"value of {name}")

    def build(
        built_in: Sequence[ScriptedProvider] = (), holders: Mapping[str, Sequence[str]] | None = None
    ) -> Providers:
        return Providers(network, settings, credential, built_in=built_in, holders=lambda m: (holders or {}).get(m, ()))

    return build


@pytest.mark.spec("R-28")
async def test_providers_without_endpoints_choose_none_and_no_cloud(make: Make) -> None:
    providers = make()
    assert providers.endpoints() == ()
    for model in ("gpt-5", "openai/gpt-5", "claude", "llama3"):
        with pytest.raises(ProviderError) as raised:
            providers.resolve(model)
        assert raised.value.name == "endpoint_unknown"
        assert model in raised.value.title
    with pytest.raises(ProviderError) as raised:
        providers.resolve("")
    assert raised.value.name == "no_model"


@pytest.mark.spec("R-28")
@pytest.mark.parametrize(
    ("entry", "fields"),
    [
        ({}, "id, kind and base_url"),
        ({"id": "a"}, "kind and base_url"),
        ({"id": "a", "kind": "ollama"}, "base_url"),
        ({"id": "a", "kind": "ollama", "base_url": "  "}, "base_url"),
        ({"kind": "ollama", "base_url": "127.0.0.1"}, "id"),
    ],
)
def test_endpoint_from_incomplete_entry_lists_every_missing_field(entry: dict[str, str], fields: str) -> None:
    with pytest.raises(ProviderError) as raised:
        endpoint_from(entry)
    assert raised.value.title == f"The model server lacks {fields}"


@pytest.mark.parametrize("kind", ["anthropic", "engine", "scripted", "Ollama"])
def test_endpoint_from_kind_nobody_can_add_says_which_there_are(kind: str) -> None:
    with pytest.raises(ProviderError, match="lmstudio, ollama, openai"):
        endpoint_from({"id": "a", "kind": kind, "base_url": "http://127.0.0.1"})


@pytest.mark.spec("R-05")
@pytest.mark.parametrize(
    ("typed", "kind", "address"),
    [
        ("http://127.0.0.1:11434", ProviderKind.OLLAMA, "http://127.0.0.1:11434"),
        ("http://127.0.0.1:11434/", ProviderKind.OLLAMA, "http://127.0.0.1:11434"),
        ("http://127.0.0.1:11434/v1", ProviderKind.OLLAMA, "http://127.0.0.1:11434"),
        ("http://127.0.0.1:11434/v1/", ProviderKind.OLLAMA, "http://127.0.0.1:11434"),
        ("127.0.0.1:11434/api", ProviderKind.OLLAMA, "http://127.0.0.1:11434"),
        ("localhost:11434", ProviderKind.OLLAMA, "http://localhost:11434"),
        ("[::1]:11434", ProviderKind.OLLAMA, "http://[::1]:11434"),
        (" 192.168.1.5:11434 ", ProviderKind.OLLAMA, "http://192.168.1.5:11434"),
        ("models.example/v1", ProviderKind.OPENAI, "https://models.example/v1"),
        ("https://models.example/v1/", ProviderKind.OPENAI, "https://models.example/v1"),
    ],
)
def test_normal_address_as_typed_becomes_what_the_client_wants(typed: str, kind: ProviderKind, address: str) -> None:
    assert normal_address(typed, kind) == address


@pytest.mark.parametrize(
    "typed", ["ftp://x", "http://", "://", "http://a:99999", "http://[", "two words", "file:///etc"]
)
def test_normal_address_that_is_none_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(ProviderError) as raised:
        normal_address(typed, ProviderKind.OLLAMA)
    assert raised.value.name == "bad_address"
    assert "http://127.0.0.1:11434" in raised.value.advice


@pytest.mark.spec("R-01")
async def test_resolve_endpoint_and_model_splits_at_the_first_slash_of_a_known_endpoint(make: Make) -> None:
    providers = make()
    await providers.add(HOME)
    await providers.add(WORK)
    provider, model = providers.resolve("home/qwen/qwen3:8b")
    assert isinstance(provider, OllamaProvider)
    assert (provider.endpoint.id, model) == ("home", "qwen/qwen3:8b")
    provider, model = providers.resolve("work/gpt-x")
    assert isinstance(provider, OpenAIProvider)
    assert (provider.endpoint.local, model) == (False, "gpt-x")


async def test_resolve_bare_model_means_the_one_endpoint_that_has_it(make: Make) -> None:
    providers = make(holders={"qwen/qwen3": ["work"], "both": ["home", "work"], "gone": ["removed"]})
    await providers.add(HOME)
    await providers.add(WORK)
    assert providers.resolve("qwen/qwen3")[0].endpoint.id == "work"
    for unclear in ("both", "nobody", "gone"):
        with pytest.raises(ProviderError):
            providers.resolve(unclear)


async def test_resolve_bare_model_with_one_server_means_that_one_before_the_built_in_ones(make: Make) -> None:
    providers = make([ScriptedProvider()])
    assert providers.resolve("anything")[0].endpoint.id == "scripted"
    await providers.add(HOME)
    assert providers.resolve("anything")[0].endpoint.id == "home"


async def test_provider_each_kind_gets_its_client_and_keeps_it(make: Make) -> None:
    script = ScriptedProvider()
    providers = make([script])
    await providers.add(HOME)
    await providers.add({"id": "studio", "kind": "lmstudio", "base_url": "http://127.0.0.1:1234/v1"})
    assert isinstance(providers.provider("home"), OllamaProvider)
    assert type(providers.provider("studio")) is LMStudioProvider
    assert providers.provider("scripted") is script
    assert providers.provider("home") is providers.provider("home")
    assert {p.endpoint.id for p in providers.providers()} == {"home", "studio", "scripted"}


async def test_add_same_id_again_replaces_endpoint_and_client(make: Make) -> None:
    providers = make()
    await providers.add(HOME)
    before = providers.provider("home")
    await providers.add({**HOME, "base_url": "127.0.0.1:12000/v1/"})
    after = providers.provider("home")
    assert after is not before
    assert after.endpoint.base_url == "http://127.0.0.1:12000"
    assert len(providers.endpoints()) == 1
    await providers.close()


async def test_add_incomplete_entry_changes_nothing(make: Make, settings: Settings) -> None:
    providers = make()
    await providers.add(HOME)
    with pytest.raises(ProviderError):
        await providers.add({"id": "x", "kind": "openai"})
    assert [entry["id"] for entry in settings.get(declared.ENDPOINTS)] == ["home"]


async def test_remove_configured_endpoint_is_gone_and_an_unknown_one_is_not_found(make: Make) -> None:
    providers = make()
    await providers.add(HOME)
    await providers.remove("home")
    assert providers.endpoints() == ()
    with pytest.raises(InvalidInput):
        await providers.remove("home")
    with pytest.raises(ProviderError):
        providers.provider("home")


@pytest.mark.spec("X-25")
async def test_set_discovered_endpoints_are_usable_at_once_and_go_when_lost(make: Make) -> None:
    providers = make()
    providers.set_discovered([FOUND])
    assert providers.endpoints() == (FOUND,)
    assert providers.resolve("ollama/qwen3:8b")[0].endpoint == FOUND
    providers.set_discovered([])
    assert providers.endpoints() == ()


async def test_set_discovered_at_a_configured_address_is_shown_once(make: Make) -> None:
    providers = make()
    await providers.add({**HOME, "base_url": FOUND.base_url})
    providers.set_discovered([FOUND])
    assert [endpoint.id for endpoint in providers.endpoints()] == ["home"]


async def test_endpoints_one_unusable_entry_does_not_hide_the_others(make: Make, settings: Settings) -> None:
    odd = {"id": "odd", "kind": "openai", "name": "", "base_url": "http://two words", "credential": ""}
    await settings.set(declared.ENDPOINTS, (odd, {**HOME, "credential": ""}))
    providers = make()
    assert [endpoint.id for endpoint in providers.endpoints()] == ["home"]
    assert [problem.name for problem in providers.problems()] == ["bad_address"]


async def test_provider_of_an_endpoint_with_a_credential_sends_its_key(make: Make) -> None:
    async with FakeOllama() as server:
        providers = make()
        await providers.add({**HOME, "base_url": server.base_url, "credential": "home-key"})
        provider, model = providers.resolve("home/llama3.2:3b")
        events = [event async for event in provider.stream(ChatRequest(model, (user("Hello"),)))]
        assert isinstance(events[-1], Finish)
        assert server.requests[0].headers["authorization"] == "Bearer value of home-key"


async def test_close_twice_is_safe_and_closes_the_built_in_ones(make: Make) -> None:
    providers = make([ScriptedProvider()])
    await providers.add(HOME)
    providers.provider("home")
    await providers.close()
    await providers.close()
