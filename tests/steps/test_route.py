"""The route: names, order, and that each step says what it is."""

from __future__ import annotations

import pytest

from mcp_oauth_nb import Debugger, OAuth2
from mcp_oauth_nb.protocol.probes import PROBES
from mcp_oauth_nb.rules.judging import STEP_ORDER
from mcp_oauth_nb.steps import AFTERWARDS, ASIDE, PLAIN_STEPS, ROUTE, STEPS


def test_every_step_of_the_route_is_there_once() -> None:
    assert ASIDE == ("call", "introspect", "userinfo", "registration", "unregister")
    assert set(ROUTE) | set(AFTERWARDS) | set(ASIDE) | set(PROBES) | set(PLAIN_STEPS) == set(STEPS)
    assert len(set(ROUTE + AFTERWARDS)) == len(ROUTE + AFTERWARDS)
    assert set(STEPS) <= set(STEP_ORDER)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_named_like_its_call(name: str) -> None:
    assert STEPS[name].name == name
    assert STEPS[name].title
    assert str(STEPS[name].spec)
    assert name == "call" or name in PROBES or callable(getattr(Debugger, name, None) or getattr(OAuth2, name))


def test_only_probes_send_what_a_client_would_not() -> None:
    assert {name for name, step in STEPS.items() if step.probe} == {"replay", "revoked", *PROBES}
