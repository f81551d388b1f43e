"""Tests for the rules about clients that act for themselves, enterprise-managed authorization and DPoP."""

from __future__ import annotations

from typing import Any

import pytest
from factories import asm

from mcp_oauth_nb.protocol.grants import ID_JAG
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules import judge
from rules.later_specimens import assertion, bound, enterprise, id_jag, machine, nonces


def parts(trace: Trace, rule: str) -> list[str]:
    return [one.part for one in judge(trace).findings if one.rule == rule]


@pytest.mark.parametrize(
    ("members", "complains"),
    [
        ({"token_endpoint_auth_methods_supported": None}, False),
        ({"token_endpoint_auth_methods_supported": ["client_secret_basic"]}, False),
        ({"token_endpoint_auth_methods_supported": ["client_secret_post"]}, True),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, True),
        (
            {
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
            },
            False,
        ),
    ],
)
def test_ways_to_authenticate_are_published(members: dict[str, Any], complains: bool) -> None:
    assert bool(parts(machine(document=asm(**members)), "client-credentials-undocumented")) == complains


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({}, []),
        (assertion(), []),
        ({"client_secret": None}, ["body:"]),
        ({**assertion(), "client_secret": "s3cret"}, ["body:"]),
        ({**assertion(), "client_assertion_type": "jwt"}, ["body:/client_assertion_type"]),
    ],
)
def test_a_client_authenticates_in_one_way(form: dict[str, Any], expected: list[str]) -> None:
    assert parts(machine(**form), "client-credentials-malformed") == expected


@pytest.mark.parametrize(
    "claims", [{"sub": "another"}, {"iss": None, "sub": None}, {"aud": "x"}, {"aud": []}, {"exp": 1}, {"exp": "soon"}]
)
def test_claims_of_an_assertion(claims: dict[str, Any]) -> None:
    assert parts(machine(**assertion(**claims)), "client-assertion-claims") == ["body:/client_assertion"]


@pytest.mark.parametrize("audience", ["https://auth.example.com", "https://auth.example.com/token"])
def test_an_assertion_may_name_issuer_or_endpoint(audience: str) -> None:
    assert parts(machine(**assertion(aud=[audience])), "client-assertion-claims") == []


@pytest.mark.parametrize(
    "name", ["requested_token_type", "audience", "resource", "subject_token", "subject_token_type"]
)
def test_what_the_identity_provider_has_to_be_asked(name: str) -> None:
    assert parts(enterprise(**{name: None}), "token-exchange-malformed") == [f"body:/{name}"]


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ({"issued_token_type": "urn:other"}, "body:/issued_token_type"),
        ({"token_type": "Bearer"}, "body:/token_type"),
        ({"access_token": "opaque"}, "body:/access_token"),
        ({"access_token": id_jag()}, ""),
    ],
)
def test_what_the_identity_provider_has_to_answer(answer: dict[str, Any], part: str) -> None:
    found = parts(enterprise(answer={"issued_token_type": ID_JAG, **answer}), "token-exchange-answer")
    assert set(found) == ({part} if part else set())


@pytest.mark.parametrize("claims", [{"client_id": "client-2"}, {"aud": "https://else.example"}])
def test_an_identity_grant_is_for_this_client_and_this_server(claims: dict[str, Any]) -> None:
    assert parts(enterprise(grant=id_jag(**claims)), "identity-grant-differs") == ["body:/assertion"]


@pytest.mark.parametrize("claims", [{"htm": "GET"}, {"htu": "https://x"}, {"jti": None}, {"iat": None}, {"jti": "j-2"}])
def test_proofs_that_do_not_fit(claims: dict[str, Any]) -> None:
    assert parts(bound(**claims), "dpop-proof-invalid") == ["header:DPoP"]


def test_nonces_are_judged_once() -> None:
    assert parts(nonces(), "dpop-nonce-unused") == []
    assert parts(nonces(given=False, again=False), "dpop-nonce-missing") == ["header:DPoP-Nonce"]
