"""The verdict on top of a report: step, party, fix, confidence, and the lines that say so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_oauth_nb.mime import render
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Failure, Request, Response, Trace
from mcp_oauth_nb.rules.rule import LAST_RESORT
from mcp_oauth_nb.rules.suspect import Line, Suspect
from mcp_oauth_nb.rules.unknown import NARROWED_BY
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views.exchange import shown_of
from mcp_oauth_nb.views.quote import LONGEST_QUOTE, quote, refusal
from tests.leaks import assert_no_leak
from tests.markup import read_markup

from . import specimens as given
from .test_views import in_order

ANSWER = Response(
    401,
    "Unauthorized",
    (("WWW-Authenticate", 'Bearer error="invalid_token"'), ("Content-Type", "application/json")),
    b'{"error": "invalid_grant", "deep": {"list": [1, {"a/b": null}]}}',
)
POSTED = Request("POST", "https://a.example/token", (("Accept", "text/html"),), b"grant_type=password&scope=a+b")


def suspected(**changes: object) -> Suspect:
    plain = Suspect(
        "stale-key",
        "The key set changed.",
        "token",
        "authorization server",
        "Publish the key.",
        Spec("RFC 7517", "5"),
        "likely",
        (Line(4, "status", "201"),),
        "whether the key is published",
        "dbg.jwks()",
    )
    return replace(plain, **changes)


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("status", "401 Unauthorized"),
        ("url", "POST https://a.example/token"),
        ("header:www-authenticate", 'WWW-Authenticate: Bearer error="invalid_token"'),
        ("header:Accept", "Accept: text/html"),
        ("header:Retry-After", "(no Retry-After header)"),
        ("body:/error", '"error": "invalid_grant"'),
        ("body:/deep/list/1/a~1b", '"a~1b": null'),
        ("body:/scope", "scope=a b"),
        ("body:/missing", "(no /missing in the body)"),
        ("body:/deep/list/9", "(no /deep/list/9 in the body)"),
    ],
)
def test_a_quote_is_the_line_as_it_stood(part: str, line: str) -> None:
    assert quote(shown_of(given.exchange(Vault(), 1, "token", POSTED, ANSWER)), part) == line


def test_a_quote_of_a_failure_says_what_broke() -> None:
    silent = shown_of(given.exchange(Vault(), 1, "token", POSTED, Failure("dns", "no such host")))
    assert quote(silent, "failure") == "dns failure: no such host"


def test_a_quote_hides_secrets() -> None:
    secret = "s3cr3t-Wq8ZkL0pXv7Rt2Yb"
    asked = replace(POSTED, body=f"client_secret={secret}&code={secret}".encode())
    answer = replace(ANSWER, body=f'{{"access_token": "{secret}", "note": "{secret}"}}'.encode())
    shown = shown_of(given.exchange(Vault(), 1, "token", asked, answer))
    parts = ("body:/client_secret", "body:/code", "body:/access_token", "body:/note", "body:", "url")
    assert_no_leak("\n".join(quote(shown, part) for part in parts), [secret])


def refused(body: bytes, media_type: str, *headers: tuple[str, str], status: int = 401) -> list[str]:
    answer = Response(status, "No", (("Content-Type", media_type), *headers), body)
    return list(refusal(shown_of(given.exchange(Vault(), 1, "mcp", POSTED, answer))))


@pytest.mark.parametrize(
    ("body", "media_type", "lines"),
    [
        (b'{"error": {"code": -1, "message": "Invalid Origin header"}}', "application/json",
         ['"error": {"code": -1, "message": "Invalid Origin header"}']),
        (b'{"error": "x", "error_description": "y", "z": 1}', "application/json",
         ['"error": "x"', '"error_description": "y"']),
        (b'{"detail": "no"}', "application/json", ['{"detail": "no"}']),
        (b"\n  \nBlocked by policy 7\nmore", "text/plain", ["Blocked by policy 7"]),
        (b"<!doctype html>\n<html><title>Sign in</title>", "text/html", ["<title>Sign in</title>"]),
        (b"", "text/plain", []),
        (b"x y " * 5000, "text/plain", [("x y " * 5000)[:LONGEST_QUOTE] + "\u2026"]),
    ],
)  # fmt: skip
def test_a_refusal_is_quoted_with_the_words_of_its_body(body: bytes, media_type: str, lines: list[str]) -> None:
    assert refused(body, media_type) == lines


def test_a_refusal_is_quoted_with_what_its_header_asks_for() -> None:
    assert refused(b"", "text/plain", ("WWW-Authenticate", 'Basic realm="x"')) == ['WWW-Authenticate: Basic realm="x"']
    assert refused(b"", "text/plain", ("Retry-After", "30"), status=429) == ["Retry-After: 30"]
    assert refused(b"", "text/plain", ("Location", "/mcp/"), status=307) == ["Location: /mcp/"]
    assert refused(b'{"error": "x"}', "application/json", status=200) == []


def test_a_quoted_refusal_hides_secrets() -> None:
    secret = "s3cr3t-Wq8ZkL0pXv7Rt2Yb"
    for body in (f'{{"error": "bad token {secret}", "access_token": "{secret}"}}', f"no access_token={secret}"):
        vault = Vault()
        vault.learn(secret, "access_token")
        answer = Response(400, "No", (("WWW-Authenticate", f'Bearer error="{secret}"'),), body.encode())
        said = refusal(shown_of(given.exchange(vault, 1, "mcp", POSTED, answer)))
        assert len(said) == 2
        assert_no_leak("\n".join(said), [secret])


@pytest.mark.parametrize("form", [0, 1])
def test_the_symptom_is_quoted_beside_the_cause(form: int) -> None:
    """What stopped the flow follows from a finding in an earlier step: both exchanges stand on the card, once each."""
    cause = given.finding(step="challenge", exchange=1, explains=("shown-later",), summary="It began.")
    symptom = given.finding(rule="shown-later", exchange=3, summary="It shows.")
    made = render(given.report(given.failed_trace(), [cause, symptom]))
    said = [read_markup(made["text/html"]).words, made["text/plain"]][form]
    card = said.partition("urther finding")[0]
    in_order(card, "It began.", "evidence", "#1 ", "#3 ")
    assert card.count("#3 ") == 1


def test_a_further_finding_with_the_same_cause_says_what_broke() -> None:
    words = {"cause": "stale-key", "summary": "The key set changed."}
    lead = given.finding(**{"explains": ("token-rejected",), **words})
    further = replace(lead, rule="token-rejected", explains=())
    made = render(given.report(given.failed_trace(), [lead, further]))
    in_order(
        made["text/plain"].partition("further findings")[2],
        "The MCP server refused the access token.",
        "follows from the probable cause",
    )


@pytest.mark.parametrize("form", [0, 1])
def test_a_failure_for_which_no_line_speaks_has_no_known_cause(form: int) -> None:
    said = both(given.failed_trace(), rule="server-metadata-missing", cause="")[form]
    in_order(said, "no known cause", "confidence", "speak for no cause in particular")
    assert "probable cause" not in said


def both(trace: Trace, **changes: object) -> list[str]:
    made = render(given.report(trace, [given.finding(**changes)]))
    return [read_markup(made["text/html"]).words, made["text/plain"]]


@pytest.mark.parametrize("form", [0, 1])
def test_a_plain_rule_is_certain_and_quotes_its_line(form: int) -> None:
    said = both(given.failed_trace())[form]
    in_order(said, "probable cause", "who must act", "authorization server", "fix", "Publish the metadata")
    in_order(said, "confidence", "certain", "evidence", "#3", "404")


@pytest.mark.parametrize("form", [0, 1])
def test_a_likely_suspect_says_where_it_was_caused_and_quotes_its_lines(form: int) -> None:
    one = suspected(lines=(Line(2, "status", ""),))
    said = both(given.failed_trace(), cause="stale-key", caused_in="challenge", suspects=(one,))[form]
    in_order(said, "shows in Request authorization server metadata, caused in Send request without token")
    in_order(said, "confidence", "likely", "evidence", "#3", "#2")


@pytest.mark.parametrize("form", [0, 1])
def test_several_suspects_are_told_with_what_would_tell_them_apart(form: int) -> None:
    both_fit = (suspected(confidence="possible"), suspected(cause="skew", summary="Clocks differ.", call=""))
    said = both(given.failed_trace(), rule="token-rejected", cause="", suspects=both_fit)[form]
    in_order(said, "The key set changed.", "whether the key is published", "dbg.jwks()", "Clocks differ.")


@pytest.mark.parametrize("form", [0, 1])
def test_what_nobody_knows_claims_no_cause_and_says_what_to_ask(form: int) -> None:
    said = both(given.failed_trace(), rule=LAST_RESORT, cause="", who="nobody known")[form]
    in_order(said, "no known cause", "confidence", "none", NARROWED_BY["server_metadata"][0][0])
    assert "who must act" not in said.lower().partition("would tell more")[0]
