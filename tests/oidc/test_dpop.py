"""Tokens bound to a key, from an authorization server that checks every proof and wants a nonce in it (RFC 9449).

They are run by: python -m pytest -m oidc tests/oidc
"""

from __future__ import annotations

import pytest
from keys import claims_of, header_of
from leaks import assert_no_leak, shown

from mcp_oauth_nb import Debugger
from mcp_oauth_nb.steps import AFTERWARDS, ROUTE
from tests.oidc.server import Oidc

pytestmark = [
    pytest.mark.oidc,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:EdDSA is deprecated"),  # says joserfc of the check, which is the MCP server's
]


def walked(server: Oidc, client: str = "registered", **settings: object) -> Debugger:
    """A debugger that went as far as it comes, with DPoP unless the settings say otherwise."""
    known = {"public": server.public, "confidential": server.confidential, "service": server.service}
    given = {"dpop": True, "browser": "follow", "tool": ("add", {"a": 2, "b": 40}), "step_timeout_s": 20}
    dbg = Debugger(server.url, client=known.get(client), **{**given, **settings})
    dbg.run()
    return dbg


def achieved(dbg: Debugger) -> list[str]:
    return [run.step for run in dbg.trace.runs if run.achieved]


def proofs(dbg: Debugger) -> list[str]:
    return [proof for one in dbg.exchanges if (proof := one.request.header("dpop"))]


@pytest.mark.parametrize("client", ["registered", "public", "confidential"])
def test_a_bound_token_is_issued_used_and_refreshed(bound: Oidc, client: str) -> None:
    dbg = walked(bound, client)
    assert achieved(dbg) == list(ROUTE)
    assert dbg.refresh().status == "passed"
    assert dbg.mcp().status == "passed"
    assert (dbg.diagnose().status, dbg.diagnose().findings) == ("passed", ())
    assert dbg.tokens.token_type == "DPoP"
    key = dbg._flow.settings.dpop_keys(header_of(proofs(dbg)[0])["alg"])
    assert claims_of(dbg.tokens.access_token)["cnf"] == {"jkt": key.thumbprint}
    assert_no_leak(shown(dbg), [*proofs(dbg), dbg.tokens.access_token, dbg.tokens.refresh_token])


def test_a_machine_gets_a_bound_token(bound: Oidc) -> None:
    dbg = walked(bound, "service", grant="client_credentials", browser=None)
    assert (dbg.diagnose().status, dbg.diagnose().findings) == ("passed", ())
    assert dbg.tokens.token_type == "DPoP"


def test_both_servers_ask_for_a_nonce_and_get_it(bound: Oidc) -> None:
    dbg = walked(bound)
    for step in ("token", "mcp"):
        sent = [one for one in dbg.exchanges if one.step == step]
        first, second = (claims_of(one.request.header("dpop")).get("nonce") for one in sent[:2])
        assert (first, second) == (None, sent[0].response.header("dpop-nonce"))
        assert sent[0].status in (400, 401)
        assert sent[1].status == 200


def test_the_algorithm_is_one_that_is_listed(bound: Oidc) -> None:
    dbg = walked(bound)
    listed = dbg._flow.server_metadata.texts("dpop_signing_alg_values_supported")
    used = {header_of(proof)["alg"] for proof in proofs(dbg)}
    assert used <= set(listed)
    assert len(used) == 1


def test_one_that_is_not_listed_is_refused_and_named(bound: Oidc) -> None:
    report = walked(bound, dpop="RS512").diagnose()
    assert report.failing_step == "token"
    assert (report.cause.rule, report.cause.who) == ("dpop-algorithm-unlisted", "user")


def test_userinfo_takes_a_proof_as_well(bound: Oidc) -> None:
    dbg = walked(bound, "confidential", scope="openid", resource="")
    assert dbg.userinfo().status == "passed"
    assert dbg.diagnose().verdict.outcomes["userinfo-subject"] == "passed"


def test_without_a_key_the_token_is_an_ordinary_one(bound: Oidc) -> None:
    """The MCP server takes bound tokens only, and says so."""
    dbg = walked(bound, dpop=False)
    assert dbg.tokens.token_type == "Bearer"
    assert dbg.diagnose().failing_step == "mcp"
    assert dbg.exchanges[-1].status == 401
    assert not proofs(dbg)


def test_what_comes_afterwards(bound: Oidc) -> None:
    dbg = walked(bound, "public")
    dbg.run(afterwards=True)
    assert set(achieved(dbg)) >= {*ROUTE, *AFTERWARDS[:2]}
