"""Every set of scopes, which of them is asked for, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_oauth_nb.protocol.flow import Tokens
from mcp_oauth_nb.protocol.profiles import PROFILES
from mcp_oauth_nb.protocol.scopes import ScopeSets, scope_sets
from tests.steps.flows import FACTS, document, known, resource_document, server_document

LISTED = ("a", "b")


@pytest.mark.parametrize(
    ("sets", "wanted", "why"),
    [
        (ScopeSets(), None, "neither"),
        (ScopeSets(resource_listed=LISTED), "a b", "all that the resource metadata lists"),
        (ScopeSets(resource_listed=()), None, "neither"),
        (ScopeSets(server_listed=LISTED), None, "neither"),
        (ScopeSets(challenged="c d", resource_listed=LISTED), "c d", "the challenge asks"),
        (ScopeSets(challenged="", resource_listed=LISTED), "a b", "names none"),
        (ScopeSets(challenged="c", setting="mine"), "mine", "setting"),
        (ScopeSets(challenged="c", setting=""), None, "setting"),
        (ScopeSets(challenged="c", setting="mine", stepped_up="c e"), "c e", "asked for more"),
        (ScopeSets(registered="r", granted="g"), None, "neither"),
    ],
)
def test_which_is_asked_for_and_why(sets: ScopeSets, wanted: str | None, why: str) -> None:
    assert sets.wanted == wanted
    assert why in sets.why


def test_only_sets_that_were_named_have_a_row() -> None:
    rows = ScopeSets(challenged="", resource_listed=LISTED, requested="a b").rows()
    assert rows == (
        ("scope in the challenge", "(none)"),
        ("scopes of the resource metadata", "a b"),
        ("scope requested", "a b"),
        ("scope chosen because", "the challenge names none: all that the resource metadata lists"),
    )


def test_what_was_not_granted_is_named() -> None:
    rows = dict(ScopeSets(setting="a b", requested="a b", granted="a").rows())
    assert rows["scope granted"] == "a (not granted: b)"


def test_a_scope_changed_by_hand_is_not_explained_away() -> None:
    assert dict(ScopeSets(challenged="a", requested="b").rows())["scope chosen because"].startswith("it was changed")


@pytest.mark.parametrize("version", PROFILES)
def test_whose_order_was_taken(version: str) -> None:
    why = dict(ScopeSets(challenged="a").rows(version=version))["scope chosen because"]
    assert why.endswith("; the order of MCP 2025-11-25") == (version in ("2025-03-26", "2025-06-18"))


def test_the_sets_of_a_flow() -> None:
    facts = {
        "resource_metadata": document(resource_document(scopes_supported=["a", 5, "b"])),
        "server_metadata": document(server_document(scopes_supported=["a", "z"])),
        "client": replace(FACTS["client"], scope="a z"),
        "tokens": Tokens("secret-token", scope="a"),
    }
    sets = scope_sets(known("tokens", facts=facts, scope="a b"))
    assert sets == ScopeSets(None, ("a", "b"), ("a", "z"), "a b", "a z", None, "mcp:tools", "a")
    assert "secret-token" not in repr(sets)


def test_nothing_is_known_at_the_beginning() -> None:
    assert scope_sets(known()) == ScopeSets()
