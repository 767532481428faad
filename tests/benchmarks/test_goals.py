"""`pytest -m bench`: every measure against its goal."""

from __future__ import annotations

import pytest

from tests.benchmarks import Measure, measure
from tests.benchmarks.measures import measures

pytestmark = pytest.mark.bench


@pytest.mark.parametrize("one", measures(), ids=[one.name for one in measures()])
@pytest.mark.timeout(300)
async def test_measure_on_this_machine_meets_its_goal(one: Measure) -> None:
    result = await measure(one)
    assert result.median <= one.goal, result
