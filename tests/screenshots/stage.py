"""What stands in the pictures: a clock that is moved by hand, sample chats and tasks, and turns played by a script."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time

from portal_desktop.errors import ProviderError
from portal_desktop.messages import Mode, Phase, Usage
from portal_desktop.providers.scripted import Call, End, Fail, Hold, News, Say, Think
from portal_desktop.storage.tasks import Due
from portal_desktop.tasks import TaskDraft
from tests.support.desk import Windows, until

MODEL = "ollama/qwen3:8b"
NOW = datetime(2026, 5, 13, 10, 42, tzinfo=UTC)

PINNED = ("House move checklist",)
CHATS: tuple[tuple[str, float], ...] = (
    ("Why is the sky dark at night?", 150),
    ("Birthday poem for Ada", 122),
    ("Regex for ISO dates", 101),
    ("Dinner for eight, one oven", 30),
    ("Compare three mortgage offers", 26),
    ("House move checklist", 20),
    ("Letter to the landlord", 3),
    ("Rust lifetimes, explained twice", 2),
)
ANSWER = """\
Done, the ficus is on your list for tomorrow at nine. For the bed along the south wall I would plant in this order:

| Plant | From | Why then |
|:------|:-----|:---------|
| Beans | 16 May | after the last frost |
| Squash | 20 May | under fleece for the first week |
| Tomatoes | 23 May | the nights stay above 10 °C |

1. **Harden off** the seedlings: a few hours outside each day.
2. Water the evening before, not on the day itself.

If you want the dates in your calendar, this line counts the days from the last frost:

```python
plant_on = last_frost + timedelta(days=4 if plant == "beans" else 8)
```
"""
TIDY = "I looked through the list. Two entries say the same as “Buy bean seeds”, so I would remove them."


class StageClock:
    """Stands still for everything that is told; waiting takes real time, so that the loop and its timers work."""

    def __init__(self) -> None:
        self._now = NOW
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def move(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds


class Leaps(StageClock):
    """The stage's clock as the scripted model has it: waiting moves it at once."""

    def __init__(self, stage: StageClock) -> None:
        super().__init__()
        self._stage = stage

    async def sleep(self, seconds: float) -> None:
        self._stage.move(seconds)
        await asyncio.sleep(0)


async def settled(windows: Windows) -> None:
    """Wait until the answer has ended and every reader has caught up."""
    await until(lambda: len(windows.panel.model.messages()) > 1 and not windows.panel.model.running)
    await until(lambda: windows.spawn.running == 0)


async def fill(windows: Windows, clock: StageClock) -> None:
    """Bring the sample chats and tasks into the database."""
    for title, hours in CHATS:
        clock.move(-3600 * hours)
        chat = await windows.core.history.create(title=title, model=MODEL, mode=Mode.ACT)
        await windows.core.history.pin(chat.id, title in PINNED)
        clock.move(3600 * hours)
    today = windows.core.book.now().date()
    book = windows.core.book
    done = (("Back up photos", -87), ("Renew library card", 0))
    for title, minutes in done:
        clock.move(minutes * 60)
        await book.complete((await book.add(TaskDraft(title))).id)
        clock.move(-minutes * 60)
    for draft in (
        TaskDraft("Call the plumber about the boiler", due=Due(today - timedelta(days=1), None), tags=("home",)),
        TaskDraft("Send the signed lease to Ms Novak", due=Due(today, clock_time(16))),
        TaskDraft("Draft the talk outline", due=Due(today, None), priority="high", tags=("work",)),
        TaskDraft("Buy bean seeds", due=Due(today, None), tags=("garden",)),
        TaskDraft(
            "Pay the rent", due=Due(today + timedelta(days=19), clock_time(9)), tags=("home",), recurrence="every month"
        ),
        TaskDraft("Read the chapter on ownership"),
    ):
        await book.add(draft)


async def ask(windows: Windows, title: str, text: str) -> None:
    """Open a new chat of that title in the main window and send."""
    chat = await windows.core.history.create(title=title, model=MODEL, mode=Mode.ACT)
    windows.rooms.chat.open(chat.id)
    await until(lambda: windows.panel.model.conversation_id == chat.id)
    windows.panel.focus_input()
    windows.panel.composer.set_text(text)
    windows.press("Return", windows.panel.composer.field)
    await until(windows.panel.model.messages)


async def garden(windows: Windows) -> None:
    """Play an answer with thinking, a tool call, a table, a list and code."""
    windows.core.play(
        [
            Think("The ficus needs a time; nine is when the other morning tasks are.", size=40, delay=2),
            Call("add_task", {"title": "Water the ficus", "due_date": "tomorrow 09:00"}),
            End(),
        ],
        [Say(ANSWER), End(usage=Usage(3100, 214))],
    )
    await ask(windows, "Plan for the garden", "Add watering the ficus for tomorrow morning. What can go out in May?")
    await settled(windows)


async def approval(windows: Windows, clock: StageClock) -> None:
    """Play a turn up to the question whether a second task may be deleted."""
    book = windows.core.book
    ids = [(await book.add(TaskDraft(title))).id for title in ("Bean seeds", "Get seeds for the beans")]
    windows.core.play([Say(TIDY), *(Call("delete_task", {"task_id": number}) for number in ids), End()])
    await ask(windows, "Tidy the list", "Are there doubles on my list? Remove them.")
    await until(lambda: windows.panel.model.messages()[-1].approval is not None)
    clock.move(12)
    await asyncio.sleep(1.2)


async def writing(windows: Windows, clock: StageClock) -> asyncio.Event:
    """Play a turn that waits for the server; the returned event lets it end."""
    gate = asyncio.Event()
    windows.core.play([News(Phase.LOADING, "qwen3:8b"), Hold(gate), Say("Here."), End()])
    await ask(windows, "Dinner for six", "What can I cook for six with one oven?")
    await until(lambda: "Loading" in windows.panel.phase.text)
    clock.move(7)
    await asyncio.sleep(1.2)
    return gate


async def unreachable(windows: Windows) -> None:
    """Play a turn whose server is gone."""
    error = ProviderError("server_unreachable", server="Ollama", address="127.0.0.1:11434")
    windows.core.play([Fail(error)])
    await ask(windows, "Letter to the council", "Write a short letter to the council about the broken street light.")
    await settled(windows)
