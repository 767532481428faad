from __future__ import annotations

import random

from portal_desktop.ui.transcript.heights import Heights


def test_heights_after_many_changes_agree_with_a_plain_list() -> None:
    chance = random.Random(7)
    plain = [chance.randint(0, 90) for _ in range(500)]
    heights = Heights(plain)
    for _ in range(2_000):
        match chance.randint(0, 4):
            case 0:
                plain.append(height := chance.randint(0, 90))
                heights.append(height)
            case 1 if plain:
                at, height = chance.randrange(len(plain)), chance.randint(0, 90)
                assert heights.set(at, height) == height - plain[at]
                plain[at] = height
            case 2 if len(plain) > 3:
                length = len(plain) - chance.randint(0, 3)
                del plain[length:]
                heights.cut(length)
            case 3:
                front = [chance.randint(1, 90)] * chance.randint(0, 2)
                plain[:0] = front
                heights.prepend(front)
            case _:
                at = chance.randrange(len(plain))
                assert heights.top(at) == sum(plain[:at])
                assert heights[at] == plain[at]
    assert heights.total == sum(plain)
    assert len(heights) == len(plain)


def test_heights_at_a_place_is_the_one_that_covers_it() -> None:
    heights = Heights([10] * 200)
    assert [heights.at(place) for place in (-5, 0, 9, 10, 1_999, 2_000, 99_999)] == [0, 0, 0, 1, 199, 199, 199]
    assert Heights().at(50) == 0
    assert Heights([0, 0, 5]).at(0) == 2
