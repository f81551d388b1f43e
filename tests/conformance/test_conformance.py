"""The official suite's scenarios for clients: what its scripted servers say of a whole run.

They are run by: python -m pytest -m conformance tests/conformance
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.conformance.expected import EXPECTED
from tests.conformance.suite import Leg, Outcome, Suite

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(900)]
AT_ONCE = 3


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    return Suite(tmp_path_factory.mktemp("conformance"))


@pytest.fixture(scope="session")
def legs(suite: Suite) -> Mapping[str, Leg]:
    return {str(leg): leg for leg in suite.legs()}


@pytest.fixture(scope="session")
def outcomes(
    request: pytest.FixtureRequest, suite: Suite, legs: Mapping[str, Leg]
) -> Iterator[Mapping[str, Future[Outcome]]]:
    """All the legs that were asked for, some at a time."""
    calls = (getattr(item, "callspec", None) for item in request.session.items)
    wanted = [call.params["name"] for call in calls if call and call.params.get("name") in legs]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(suite.run, legs[name]) for name in wanted}
        pool.shutdown(cancel_futures=True)


def test_every_leg_of_the_suite_is_expected_to_come_to_something(legs: Mapping[str, Leg]):
    assert sorted(legs) == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_leg_comes_to_what_is_expected(name: str, outcomes: Mapping[str, Future[Outcome]]):
    outcome, reason = outcomes[name].result(), EXPECTED[name]
    if outcome.passed:
        assert not reason, f"{name} passes now: strike its reason from the table"
    else:
        assert reason, f"{name} is expected to pass: {outcome}"
