"""Tests for signatures that are checked with the keys of a trace, and for the causes that this leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from factories import ISSUER, server_document
from keys import claims_of

from mcp_oauth_nb.jose import PrivateKey, new_key
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules.rule import Case
from mcp_oauth_nb.rules.signatures import published_keys
from rules.mcp_specimens import issued_as
from rules.refusal_specimens import INVALID, challenged, flow, lead, refusing, suspects

KEY, OTHER = new_key(), new_key()
NAMED = {"typ": "at+jwt", "kid": "k-1"}
UNVERIFIED = f'{INVALID}, error_description="signature verification failed"'


def signed(by: PrivateKey = KEY, header: dict[str, Any] | None = None) -> str:
    """An access token of the healthy flow, with a signature that can be checked."""
    return by.sign(NAMED if header is None else header, claims_of(issued_as()))


def probed(token: str, *keys: dict[str, Any], said: str = INVALID, untold: Sequence[str] = ()) -> Trace:
    """A refused token, and after it the key set of its issuer."""
    trace = flow(token, refusing(token, challenged(said)))
    asked = server_document({"keys": list(keys)}, url=f"{ISSUER}/jwks")
    seen = replace(asked, step="jwks", id=len(trace.exchanges) + 1, untold=tuple(untold))
    run = replace(trace.runs[-1], step="jwks", exchanges=(seen.id,), achieved=True, stopped="")
    return replace(trace, exchanges=(*trace.exchanges, seen), runs=(*trace.runs, run))


def published(key: PrivateKey, kid: str = "k-1") -> dict[str, Any]:
    return {**key.public, "kid": kid}


def test_a_signature_that_is_verified_to_be_wrong_is_the_cause() -> None:
    found = lead(probed(signed(), published(OTHER)))
    assert (found.cause, found.caused_in, found.who) == ("signature-wrong", "token", "authorization server")
    assert found.suspects[0].confidence == "certain"
    assert "signature-or-policy" not in [one.cause for one in found.suspects]


def test_a_token_that_was_changed_after_it_was_signed() -> None:
    head, _, signature = signed().split(".")
    changed = ".".join((head, issued_as(scope="mcp:admin").split(".")[1], signature))
    assert lead(probed(changed, published(KEY))).cause == "signature-wrong"


def test_a_key_that_is_not_named_may_be_one_of_another_day() -> None:
    found = lead(probed(signed(header={"typ": "at+jwt"}), published(OTHER)))
    assert (found.cause, found.suspects[0].confidence) == ("signature-wrong", "likely")


def test_a_signature_that_is_verified_leaves_what_the_server_expects() -> None:
    assert suspects(probed(signed(), published(KEY)), "token-rejected") == {
        "expected-audience-differs": "possible",
        "good-token-refused": "possible",
    }


@pytest.mark.parametrize(
    ("keys", "cause", "who"),
    [
        ((), "published-keys-not-held", "MCP server"),
        ((published(KEY),), "published-keys-not-held", "MCP server"),
        ((published(OTHER),), "signature-wrong", "authorization server"),
        ((published(KEY, "k-2"),), "signing-key-unknown", "authorization server"),
    ],
    ids=["no keys", "verified", "wrong", "not published"],
)
def test_a_signature_that_the_server_calls_wrong(keys: tuple[dict[str, Any], ...], cause: str, who: str) -> None:
    """Its words speak for other keys, until the published ones tell."""
    token = signed()
    trace = probed(token, *keys, said=UNVERIFIED) if keys else flow(token, refusing(token, challenged(UNVERIFIED)))
    found = lead(trace)
    assert (found.cause, found.who) == (cause, who)
    others = [one.cause for one in found.suspects if one.cause != cause and one.confidence != "possible"]
    assert others == []


def test_a_key_set_that_is_not_told_checks_nothing() -> None:
    trace = probed(signed(), published(OTHER), untold=("response body",))
    assert published_keys(Case(trace)) is None


def test_a_token_of_which_a_part_is_masked_is_not_checked() -> None:
    head, claims, _ = signed().split(".")
    token = f"{head}.{claims}.[REDACTED]"
    assert "signature-wrong" not in suspects(probed(token, published(KEY)), "token-rejected")
