from __future__ import annotations

import pytest

from portal_desktop.ui.transcript.follow import BottomFollow, Move, State, wants_button

VIEW = 600


@pytest.mark.spec("X-53")
@pytest.mark.parametrize(
    ("state", "pixels", "distance", "after"),
    [
        (State.FOLLOWING, -6, 6, State.FOLLOWING),
        (State.FOLLOWING, -7, 7, State.HELD),
        (State.FOLLOWING, 50, 0, State.FOLLOWING),
        (State.PLACED, -6, 0, State.PLACED),
        (State.PLACED, -7, 7, State.HELD),
        (State.PLACED, 30, 0, State.PLACED),
        (State.HELD, 40, 101, State.HELD),
        (State.HELD, 40, 100, State.FOLLOWING),
        (State.HELD, -40, 50, State.HELD),
        (State.HELD, 0, 0, State.HELD),
    ],
)
def test_follow_reader_scrolls_changes_state(state: State, pixels: int, distance: int, after: State) -> None:
    follow = BottomFollow()
    follow.state = state
    follow.scrolled(pixels, distance)
    assert follow.state is after


@pytest.mark.spec("X-53")
def test_follow_small_steps_upwards_add_up_and_a_step_down_forgets_them() -> None:
    follow = BottomFollow()
    for _ in range(2):
        follow.scrolled(-3, 3)
    assert follow.state is State.FOLLOWING
    follow.scrolled(1, 2)
    follow.scrolled(-6, 8)
    assert follow.state is State.FOLLOWING
    follow.scrolled(-1, 9)
    assert follow.state is State.HELD


@pytest.mark.spec("X-53")
@pytest.mark.parametrize(
    ("state", "keep", "selecting", "distance", "move", "after"),
    [
        (State.FOLLOWING, False, False, 20, Move.GLIDE_TO_END, State.FOLLOWING),
        (State.FOLLOWING, False, False, 3 * VIEW, Move.GLIDE_TO_END, State.FOLLOWING),
        (State.FOLLOWING, False, False, 3 * VIEW + 1, Move.JUMP_TO_END, State.FOLLOWING),
        (State.FOLLOWING, False, True, 20, Move.STAY, State.FOLLOWING),
        (State.FOLLOWING, False, False, 0, Move.STAY, State.FOLLOWING),
        (State.HELD, False, False, 500, Move.STAY, State.HELD),
        (State.PLACED, False, False, 0, Move.STAY, State.PLACED),
        (State.PLACED, False, False, -90, Move.STAY, State.PLACED),
        (State.PLACED, False, False, 1, Move.GLIDE_TO_END, State.FOLLOWING),
        (State.PLACED, True, False, 900, Move.STAY, State.PLACED),
        (State.PLACED, False, True, 900, Move.STAY, State.PLACED),
    ],
)
def test_follow_content_grows_moves_the_view(
    state: State,
    keep: bool,
    selecting: bool,
    distance: int,
    move: Move,
    after: State,
) -> None:
    follow = BottomFollow(keep_own=keep)
    follow.state, follow.selecting = state, selecting
    assert follow.grew(distance, VIEW) is move
    assert follow.state is after


@pytest.mark.spec("X-53")
@pytest.mark.parametrize("state", list(State))
def test_follow_from_any_state_sent_places_and_the_button_follows(state: State) -> None:
    follow = BottomFollow()
    follow.state = state
    assert follow.sent() is Move.PLACE_OWN
    assert follow.state is State.PLACED
    follow.state = state
    assert follow.asked_for_end(4 * VIEW, VIEW) is Move.JUMP_TO_END
    assert follow.state is State.FOLLOWING


def test_follow_conversation_opened_somewhere_is_held() -> None:
    follow = BottomFollow()
    follow.opened(at_end=False)
    assert follow.state is State.HELD
    follow.opened(at_end=True)
    assert follow.state is State.FOLLOWING


@pytest.mark.spec("X-53")
def test_wants_button_beyond_one_view_is_true() -> None:
    assert not wants_button(VIEW, VIEW)
    assert wants_button(VIEW + 1, VIEW)
