"""What the rules say of a client ID metadata document, and of metadata in unusual places."""

from __future__ import annotations

import pytest
from factories import (
    ASM_URL,
    ISSUER,
    Piece,
    asm,
    authorized,
    client_document,
    failed,
    prm,
    resource_document,
    server_document,
    tflow,
    ttrace,
)

from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules import judge
from mcp_oauth_nb.rules.rule import Finding

PROBE = "client_document_check"
SECOND = "https://second.example.com"


def found(exchange: Exchange) -> list[Finding]:
    return list(judge(ttrace(Piece(PROBE, (exchange,)))).findings)


@pytest.mark.parametrize(
    ("exchange", "part", "level"),
    [
        (client_document(url="https://client.example.com/client.json?x"), "url", "SHOULD"),
        (client_document(url="https://client.example.com/a/../client.json"), "url", "MUST"),
        (client_document(redirect_uris=[]), "body:/redirect_uris", "MUST"),
        (client_document(token_endpoint_auth_method="private_key_jwt"), "body:/jwks", "MUST"),
        (client_document(token_endpoint_auth_method="client_secret_jwt"), "body:/token_endpoint_auth_method", "MUST"),
        (client_document(headers=()), "header:Content-Type", "SHOULD"),
        (client_document(302, b""), "status", "MUST"),
        (client_document(200, b"<html>"), "body:", "MUST"),
    ],
)
def test_one_thing_that_is_wrong(exchange: Exchange, part: str, level: str) -> None:
    findings = found(exchange)
    assert [(one.part, one.level, one.who) for one in findings] == [(part, level, "client")]


@pytest.mark.parametrize(
    "exchange",
    [
        client_document(redirect_uris=["http://127.0.0.1/callback"]),
        client_document(headers=(("Content-Type", "application/client-id+json; charset=utf-8"),)),
        client_document(url="http://127.0.0.1:8765/client.json"),
    ],
)
def test_what_is_right(exchange: Exchange) -> None:
    assert found(exchange) == []


@pytest.mark.parametrize("status", [200, 204, 302, 401, 404, 500, 503])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"error":"x"}'])
def test_a_document_that_was_not_got_always_breaks_a_must(status: int, body: bytes) -> None:
    findings = judge(ttrace(failed(PROBE, client_document(status, body)))).findings
    assert "MUST" in {one.level for one in findings if one.step == PROBE}


def test_without_the_probe_nothing_is_claimed() -> None:
    outcomes = judge(tflow(upto="register")).outcomes
    assert {outcome for rule, outcome in outcomes.items() if rule.startswith("client-document-")} == {"not tested"}


def test_an_edited_client_id_is_the_users_own() -> None:
    edited = authorized(("params.client_id",), client_id="https://client.example.com/client.json")
    (finding,) = judge(tflow(edited, upto="authorize")).findings
    assert (finding.rule, finding.who, finding.step) == ("client-document-unannounced", "user", "authorize")


class TestChosenIssuer:
    """The metadata is held against the issuer that was chosen, not against the first that is named."""

    published = Piece("resource_metadata", (resource_document(prm(authorization_servers=[ISSUER, SECOND])),))
    second = Piece(
        "server_metadata",
        (server_document(asm(issuer=SECOND), url=f"{SECOND}/.well-known/oauth-authorization-server"),),
    )

    def rules(self, **settings: str) -> set[str]:
        trace = tflow(self.published, self.second, upto="server_metadata", **settings)
        return {one.rule for one in judge(trace).findings}

    def test_the_second(self) -> None:
        assert self.rules(**{"issuer chosen": SECOND}) == set()

    def test_no_choice_means_the_first(self) -> None:
        assert self.rules() == {"issuer-mismatch"}
        assert self.rules(**{"issuer chosen": "https://third.example.com"}) == {"issuer-mismatch"}


def test_metadata_under_the_path_is_a_warning_that_explains_its_issuer() -> None:
    exchange = server_document(asm(issuer=f"{ISSUER}/mcp"), url=f"{ASM_URL}/mcp")
    findings = judge(tflow(Piece("server_metadata", (exchange,)), upto="server_metadata")).findings
    assert [(one.rule, one.level) for one in findings] == [
        ("server-metadata-path-scoped", "SHOULD"),
        ("issuer-mismatch", "MUST"),
    ]
    assert findings[0].explains == ("issuer-mismatch",)
