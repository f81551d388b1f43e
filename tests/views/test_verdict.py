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
from mcp_oauth_nb.views.quote import quote
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
