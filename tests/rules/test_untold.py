"""What a recording leaves out is not read as absent: a rule that asks for it is not tested, whatever it asks for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import pytest

from mcp_oauth_nb.facts import table_of
from mcp_oauth_nb.records import Exchange, Part, Request, Response, Trace
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.marks import is_mark, parts_with_marks
from mcp_oauth_nb.rules.recorded import trace_of
from mcp_oauth_nb.rules.untold import NotTold, guarded
from mcp_oauth_nb.vault import Vault

URL = "https://mcp.example/.well-known/oauth-protected-resource/mcp"
DOCUMENT = {"resource": "https://mcp.example/mcp", "authorization_servers": ["https://as.example"]}
SENT = Request("POST", URL, (("Accept", "*/*"),), b"a=1")
CAME = Response(200, "OK", (("Content-Type", "application/json"),), json.dumps(DOCUMENT).encode())


def behind_the_guard(*untold: Part) -> Exchange:
    (one,) = guarded(Trace((Exchange(1, "token", SENT, CAME, untold=untold),))).exchanges
    return one


def test_a_trace_that_tells_all_is_left_alone() -> None:
    trace = Trace((Exchange(1, "token", SENT, CAME),))
    assert guarded(trace) is trace


def test_a_body_that_was_sent() -> None:
    one = behind_the_guard("request body")
    assert one.request.header("accept") == "*/*"
    assert one.request.header("x") is None
    for name in ("body", "parsed"):
        with pytest.raises(NotTold):
            getattr(one.request, name)


def test_header_fields() -> None:
    one = behind_the_guard("request headers", "response headers")
    assert one.response is not None
    assert (one.request.header("accept"), one.response.media_type) == ("*/*", "application/json")
    assert (one.request.body, one.document) == (b"a=1", DOCUMENT)
    for message in (one.request, one.response):
        with pytest.raises(NotTold):
            message.header("x")
        with pytest.raises(NotTold):
            _ = message.headers


def test_members_of_an_answer() -> None:
    one = behind_the_guard("response body")
    document = one.document
    assert document is not None
    assert document["resource"] == document.get("resource") == DOCUMENT["resource"]
    assert "resource" in document
    assert document
    for ask in (lambda: document.get("scopes_supported"), lambda: "x" in document, lambda: list(document)):
        with pytest.raises(NotTold):
            ask()
    with pytest.raises(NotTold):
        _ = one.response and one.response.body


def test_everything_at_once() -> None:
    one = behind_the_guard("request headers", "request body", "response headers", "response body")
    assert (one.status, one.request.method, one.request.url) == (200, "POST", URL)
    with pytest.raises(NotTold):
        one.request.header("authorization")


def test_a_member_that_is_not_told_breaks_no_rule_and_passes_none() -> None:
    vault = Vault()
    lacking = Response(200, body=b'{"resource": "https://mcp.example/mcp"}')
    told = Exchange(1, "", Request("GET", URL), lacking, vault=vault)
    partly = Exchange(1, "", Request("GET", URL), lacking, untold=("response body", "response headers"), vault=vault)
    rule = "authorization-servers-missing"
    whole, part = (diagnose(trace_of([one], vault)) for one in (told, partly))
    assert whole.verdict.outcomes[rule] == "failed"
    assert part.verdict.outcomes[rule] == "not tested"
    assert part.findings == ()
    assert (whole.status_of("resource_metadata"), part.status_of("resource_metadata")) == ("failed", "not tested")


def test_a_table_says_that_it_lacks_what_it_would_look_at() -> None:
    vault = Vault()
    asked = Request("GET", "https://as.example/a?response_type=code&client_id=c&state=s")
    token = Request("POST", "https://as.example/token", (("Content-Type", "application/x-www-form-urlencoded"),))
    answer = Response(400, "", (), b'{"error": "invalid_grant"}')
    found = [Exchange(1, "", asked, vault=vault), Exchange(2, "", token, answer, untold=("request body",), vault=vault)]
    table = table_of(trace_of(found, vault, {"url": "https://mcp.example/mcp"}), "urls")
    assert table is not None
    assert table.notes == ("Not worked out: the recording does not hold what it would look at.",)


def test_marks_are_what_is_not_told_and_the_rest_is() -> None:
    headers = (("Authorization", "[REDACTED]"), ("Accept", "*/*"))
    sent = Request("POST", f"{URL}?code=***&state=s", headers, b"code=***&grant_type=authorization_code")
    answer = Response(200, "", (("Set-Cookie", "***"),), b'{"access_token": "<redacted>", "token_type": "Bearer"}')
    found = Exchange(1, "token", sent, answer)
    untold = tuple(parts_with_marks(found))
    assert set(untold) == set(get_args(Part))
    (one,) = guarded(Trace((replace(found, untold=untold),))).exchanges
    assert one.response is not None
    document = one.document
    assert document is not None
    assert (one.request.header("accept"), one.request.header("x"), one.response.header("x")) == ("*/*", None, None)
    for members in (one.request.query, one.request.form, document):
        assert (members.get("x"), "x" in members, len(members), len(list(members))) == (None, False, 2, 2)
    assert (one.request.query["state"], one.request.form["grant_type"]) == ("s", "authorization_code")
    assert ("code" in one.request.form, "access_token" in document, document["token_type"]) == (True, True, "Bearer")
    asks: tuple[Callable[[], object], ...] = (
        lambda: one.request.header("authorization"),
        lambda: one.response and one.response.header("set-cookie"),
        lambda: one.request.query["code"],
        lambda: one.request.form.get("code"),
        lambda: dict(one.request.form),
        lambda: document.get("access_token"),
        lambda: list(document.items()),
        lambda: list(document.values()),
    )
    for ask in asks:
        with pytest.raises(NotTold):
            ask()


@pytest.mark.parametrize(
    "value", ["[code redacted]", "***", "<REDACTED>", "REDACTED", "[sanitized]", "xxxx", "\u2022" * 6, "(removed)"]
)
def test_what_is_a_mark(value: str) -> None:
    assert is_mark(value)


@pytest.mark.parametrize("value", ["", "**", "xxx", "redacted!", "eyJhbGciOi.e30.redacted/", "hidden" * 40, "x" * 43])
def test_what_is_no_mark(value: str) -> None:
    assert not is_mark(value)
