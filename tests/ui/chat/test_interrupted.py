"""An answer a dead process left behind: Continue, Regenerate and Keep in the window."""

from __future__ import annotations

import pytest

from portal_desktop.errors import ProviderError
from portal_desktop.messages import Source, Status, Text, assistant, user
from portal_desktop.providers.scripted import End, Fail, Say
from portal_desktop.ui.transcript.message import Action
from tests.support.desk import Windows, until

LEFT = "Beans go out after the last frost"

pytestmark = [pytest.mark.gui, pytest.mark.qt_log_ignore("This plugin does not support")]


async def interrupted(windows: Windows) -> int:
    """Store what a crash leaves, open it, and return the answer's id."""
    core = windows.core
    chat = await core.conversations.create(title="Cut", model="ollama/qwen3:8b")
    asked = await core.conversations.add_message(chat.id, None, user("count"), source=Source.WINDOW)
    left = await core.conversations.add_message(
        chat.id, asked.id, assistant(LEFT), status=Status.INTERRUPTED, model="ollama/qwen3:8b"
    )
    await windows.panel.model.open(chat.id)
    await until(lambda: windows.offered(Action.KEEP))
    return left.id


@pytest.mark.spec("X-50")
async def test_interrupted_answer_offers_continue_regenerate_and_keep(windows: Windows) -> None:
    await interrupted(windows)
    assert all(windows.offered(action) for action in (Action.CONTINUE, Action.RETRY, Action.KEEP))


@pytest.mark.spec("X-50")
async def test_keep_takes_the_answer_as_it_is_and_never_calls_it_complete(windows: Windows) -> None:
    answer = await interrupted(windows)
    windows.click(Action.KEEP)
    await until(lambda: not windows.offered(Action.KEEP))
    stored = await windows.core.history.message(answer)
    assert (stored.status, stored.message.text) == (Status.STOPPED, LEFT)


@pytest.mark.spec("X-50")
async def test_continue_grows_the_same_answer_without_the_overlap(windows: Windows) -> None:
    answer = await interrupted(windows)
    windows.core.play([Say("after the last frost, in the middle of May."), End()])
    windows.click(Action.CONTINUE)
    model = windows.panel.model
    await until(lambda: model.messages()[-1].status is Status.COMPLETE and not model.running)
    last = windows.panel.model.messages()[-1]
    assert last.id == answer
    assert "".join(part.text for part in last.parts if isinstance(part, Text)) == LEFT + ", in the middle of May."


@pytest.mark.spec("X-50")
async def test_answer_cut_by_its_server_can_be_continued_from_the_error_card(windows: Windows) -> None:
    windows.core.play([Say(LEFT), Fail(ProviderError("cut_off", server="Ollama"))])
    windows.panel.focus_input()
    windows.type("when do beans go out?")
    windows.press("Return")
    await until(lambda: windows.offered(Action.CONTINUE))
    assert windows.offered(Action.RETRY)
    windows.core.play([Say("after the last frost, in the middle of May."), End()])
    windows.click(Action.CONTINUE)
    model = windows.panel.model
    await until(lambda: model.messages()[-1].status is Status.COMPLETE and not model.running)
    parts = model.messages()[-1].parts
    assert "".join(part.text for part in parts if isinstance(part, Text)) == LEFT + ", in the middle of May."
