"""Words said twice are taken out while they stream."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from portal_desktop.agent.overlap import SHORTEST, Overlap

NUMBERED = " ".join(str(number) for number in range(100, 300))


@settings(max_examples=200, deadline=None)
@given(
    end=st.integers(50, 400),
    repeated=st.integers(SHORTEST, 40),
    size=st.integers(1, 50),
    lead=st.sampled_from(["", " ", "\n\n"]),
)
def test_overlap_repetition_of_any_length_in_any_pieces_is_dropped(
    end: int, repeated: int, size: int, lead: str
) -> None:
    old, rest = NUMBERED[:end], NUMBERED[end : end + 100]
    assume(len(old[-repeated:].lstrip()) >= SHORTEST)
    new = lead + (old[-repeated:] + rest).lstrip()
    overlap = Overlap(old)
    told = "".join(overlap.feed(new[start : start + size]) for start in range(0, len(new), size)) + overlap.end()
    assert old + told == NUMBERED[: end + 100]


@given(old=st.text(max_size=60), new=st.text(max_size=60), size=st.integers(1, 9))
def test_overlap_never_loses_what_is_not_at_the_end_of_the_old_text(old: str, new: str, size: int) -> None:
    overlap = Overlap(old)
    told = "".join(overlap.feed(new[start : start + size]) for start in range(0, len(new), size)) + overlap.end()
    assert new.endswith(told)
    dropped = new[: len(new) - len(told)].lstrip()
    assert dropped == "" or (len(dropped) >= SHORTEST and old.endswith(dropped))
