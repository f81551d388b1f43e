"""The playbook itself: what it accepts, and what it says where a step goes another way."""

from __future__ import annotations

import pytest
from playbook import play
from steps.flows import ISSUER, URL, known

from mcp_oauth_nb.steps import STEPS

METADATA = "https://mcp.example.com/.well-known/oauth-protected-resource"


def test_a_difference_is_shown_with_the_conversation_so_far() -> None:
    begun = play(STEPS["resource_metadata"], known("challenge")).sends("GET", f"{METADATA}/mcp").gets(404)
    with pytest.raises(AssertionError) as caught:
        begun.sends("GET", "https://elsewhere.example/")
    said = str(caught.value).splitlines()
    assert said[:4] == ["the step went another way", "  resource_metadata", f"  sends GET {METADATA}/mcp", "  gets 404"]
    assert said[-2:] == ["- request: 'GET https://elsewhere.example/'", f"+ request: 'GET {METADATA}'"]


@pytest.mark.parametrize(
    ("ending", "actual"),
    [
        (lambda one: one.learns(code={"code": "x"}), "+ sends POST"),
        (lambda one: one.stops("because"), "+ sends POST"),
        (lambda one: one.awaits("http://127.0.0.1/"), "+ sends POST"),
        (lambda one: one.gets(401).stops("because"), "+ learns"),
        (lambda one: one.gets(500).stops("because"), "+ stops: expected 401"),
        (lambda one: one.gets(500).learns(), "+ stops: expected 401"),
        (lambda one: one.gets(500).gets(200), "+ had already ended"),
        (lambda one: one.gets(401).learns(challenge={"status": 402}), "+ challenge.status: 401"),
        (lambda one: one.sends("POST", URL, headers={"Accept": "x"}), "+ header Accept: 'application/json"),
    ],
)
def test_every_way_to_differ_is_named(ending, actual: str) -> None:
    with pytest.raises(AssertionError) as caught:
        ending(play(STEPS["challenge"], known()))
    assert actual in str(caught.value)
    assert ISSUER not in str(caught.value)
