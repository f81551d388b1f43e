"""Every display at once: its contract, hostile text in every field, known secrets in every field, and its size."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcp_oauth_nb.audit import Audit
from mcp_oauth_nb.comparing.runs import compare
from mcp_oauth_nb.mime import Bundle, render
from mcp_oauth_nb.protocol.flow import Tokens
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Failure, Request, Response, Run, Trace
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views.config import Config
from mcp_oauth_nb.views.step import step_card
from mcp_oauth_nb.views.token_details import CLAIMS, TokenDetails
from tests.markup import read_markup

from . import specimens as given_

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "'\" onmouseover=alert(1) x='",
    "</pre></td></table></details><base href=https://evil.example/>",
    "javascript:alert(1)",
    "https://evil.example/\u202egpj.exe",
    "\x1b]8;;https://evil.example\x07click\x1b[2J",
    "\ud800 lone",
    "\u2028[PASSED] 1. all is well",
    "\n[PASSED] 1. all is well",
    "<!--",
    "]]>",
    "&lt;b&gt;&#x3c;script&#x3e;",
    "‹access_token#000000 9 chars›",
)


def specimens() -> dict[str, Bundle]:
    """One of each display, of ordinary records."""
    passed, failed = given_.passed_trace(), given_.failed_trace()
    waiting = Run("callback", (), stopped="waiting for the browser")
    half = replace(passed, runs=(*passed.runs[:6], waiting))
    return {
        "exchange": render(passed.exchanges[6]),
        "callback": render(passed.exchanges[5]),
        "trace": render(passed),
        "empty trace": render(Trace()),
        "passed step": render(given_.report(passed, step="token")),
        "failed step": render(given_.failed_report("server_metadata")),
        "unknown step": render(given_.report(failed, step="audit")),
        "passed": render(given_.report(passed)),
        "failed": render(given_.failed_report()),
        "incomplete": render(given_.report(replace(passed, runs=passed.runs[:3]))),
        "needs you": render(given_.report(half)),
        "nothing": render(given_.report(Trace())),
        "config": render(given_.config()),
        "empty config": render(Config()),
        "preview": preview(passed.vault, passed.exchanges[6].request),
        "audit": render(Audit(given_.failed_report().trace)),
        "empty audit": render(Audit(Trace())),
        "token details": render(TokenDetails(held(given_.SECRETS["access_token"]), passed.vault, 1.0)),
        "no token details": render(TokenDetails(None)),
        "comparison": render(compare(passed, failed, names=("works", "fails"))),
        "comparison of one run": render(compare(passed, passed)),
    }


def held(access_token: str, *, said: str = "said") -> Tokens:
    """Tokens of which the ID token says this text in every claim that is shown."""
    header = {"alg": said, "kid": said, "typ": said}
    claims = dict.fromkeys((*CLAIMS, said), said) | {"aud": [said, said], "exp": 5, "iat": said, "sub": said}
    parts = (json.dumps(part).encode() for part in (header, claims))
    encoded = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    return Tokens(access_token, id_token=".".join((*encoded, "c2lnbmF0dXJl")))


def preview(vault: Vault, request: Request, note: str = "") -> Bundle:
    """The card of a step that is about to send a request."""
    return step_card(
        number=8,
        total=9,
        title="Get access token",
        spec=Spec("RFC 6749", "4.1.3"),
        status="not run",
        run=None,
        exchanges=(),
        findings=(),
        vault=vault,
        preview=request,
        note=note,
    )


def filled(text: str) -> Iterator[Bundle]:
    """Every display, of records that hold `text` wherever a server, a user or a rule may put text."""
    vault = Vault(b"key")
    raw = text.encode("utf-8", "replace")
    headers = ((text, text), ("Location", text), ("WWW-Authenticate", f'Bearer error="{text}"'), ("Set-Cookie", text))
    value = {text: text, "error_description": text, "nested": [{"client_name": text}]}
    url = f"https://a.example/{text}?state={text}&{quote(text, errors='replace')}={text}"
    bodies = {
        "application/json": json.dumps(value).encode(),
        "application/x-www-form-urlencoded": urlencode({text: text}, errors="replace").encode(),
        "text/event-stream": b"event: " + raw + b"\ndata: " + json.dumps(value).encode() + b"\n\ndata: " + raw,
        text: raw,
    }
    exchanges = [
        given_.exchange(
            vault,
            number,
            "token",
            Request("POST", url, (("Content-Type", kind), *headers), body),
            Response(200, text, (("Content-Type", kind), *headers), body),
            why=text,
            edited=(f"form.{text}",),
        )
        for number, (kind, body) in enumerate(bodies.items(), 1)
    ]
    exchanges.append(given_.exchange(vault, 5, "token", Request("GET", text), Failure("tls", text)))
    exchanges.append(given_.exchange(vault, 6, "token", Request("GET", url), direction="in"))
    run = Run("token", tuple(range(1, 7)), False, text, ((text, text), ("session", text)))
    trace = Trace(tuple(exchanges), (run,), {"url": text}, vault)
    found = given_.finding(step="token", summary=text, expected=text, observed=text, fix=text, part=f"header:{text}")
    yield from (render(one) for one in exchanges)
    yield render(Audit(trace))
    yield render(trace)
    yield render(given_.report(trace, [found, replace(found, rule="other")], "token"))
    yield render(given_.report(trace, [found, replace(found, rule="other")]))
    yield render(given_.report(trace))
    yield preview(vault, exchanges[0].request, text)
    yield render(TokenDetails(held(text, said=text), vault, 1.0))
    yield render(compare(trace, replace(given_.passed_trace(), runs=(run,)), names=(text.strip() or "a", "other")))
    yield render(compare(replace(given_.passed_trace(), settings={text: text}), trace))
    yield render(given_.config(hostile_document(text), hostile_document(text), vault))


def hostile_document(text: str) -> dict[str, Any]:
    """A metadata document with `text` in every kind of member."""
    members = (*given_.RESOURCE_METADATA, *given_.SERVER_METADATA)
    return {name: [text] if name.endswith("s_supported") else text for name in members} | {text: {text: [text]}}


@pytest.mark.parametrize("name", specimens())
def test_a_display_keeps_the_output_contract(name: str) -> None:
    made = specimens()[name]
    assert list(made) == ["text/plain", "text/html"]
    assert not made["text/plain"].startswith("<")
    assert read_markup(made["text/html"]).problems == []


@pytest.mark.parametrize("name", specimens())
def test_a_display_that_is_flattened_keeps_its_words_apart(name: str) -> None:
    made = specimens()[name]
    flat = f" {read_markup(made['text/html']).words} "
    for word in (
        "passed",
        "failed",
        "warned",
        "not run",
        "Request headers",
        "Response headers",
        "Exchanges",
        "Learned",
    ):
        assert flat.count(word) == flat.count(f" {word} ") + sum(flat.count(f" {word}{mark}") for mark in ",:;"), word


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_stays_text_wherever_it_stands(hostile: str) -> None:
    assert_harmless(hostile)


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(codec=None), max_size=40))
@example("")
@example("%")
def test_any_text_stays_text_wherever_it_stands(anything: str) -> None:
    assert_harmless(anything)


def assert_harmless(hostile: str) -> None:
    for made in filled(hostile):
        read = read_markup(made["text/html"])
        assert read.problems == []
        assert not any("\x1b" in made[kind] or "\u202e" in made[kind] for kind in made)
        assert not any(line.startswith("[PASSED] 1. all is well") for line in made["text/plain"].splitlines())
        made["text/plain"].encode()
        made["text/html"].encode()


@pytest.mark.parametrize("kind", given_.SECRETS)
def test_no_secret_of_a_flow_is_shown(kind: str) -> None:
    for name, made in specimens().items():
        assert_no_secret(given_.SECRETS[kind], made, name)


def test_no_known_secret_is_shown_wherever_it_is_echoed() -> None:
    secret = "kQ3vZ8xT1nB6mW4yR7pL"
    for at, made in enumerate(leaking(secret)):
        assert_no_secret(secret, made, str(at))


def leaking(secret: str) -> Iterator[Bundle]:
    """Every display, of records that hold a secret the trace has met, also where only decoding uncovers it."""
    vault = Vault(b"key")
    vault.learn(secret, "access_token")
    escaped = "".join(f"\\u{ord(c):04x}" for c in secret)
    percent = "".join(f"%{ord(c):02x}" for c in secret)
    body = f'{{"error_description": "{escaped}", "{escaped}": ["{secret}"]}}'
    form = f"note={percent}&{percent}=1&access_token={percent}"
    for kind, raw in (
        ("application/json", body),
        ("text/event-stream", f"data: {body}\n\ndata: {secret}"),
        ("form", form),
    ):
        media_type = "application/x-www-form-urlencoded" if kind == "form" else kind
        request = Request("POST", f"https://a.example/?x={percent}&y={secret}", (("X-Echo", secret),), raw.encode())
        headers = (("Content-Type", media_type), ("Location", f"https://b.example/?z={secret}"), ("X-Echo", secret))
        answer = Response(400, secret, headers, raw.encode())
        made = given_.exchange(vault, 1, "token", replace(request, headers=headers), answer, why=secret)
        run = Run("token", (1,), False, f"refused: {secret}", (("access_token", secret), ("outcome", f"got {secret}")))
        trace = Trace((made,), (run,), {}, vault)
        found = given_.finding(step="token", summary=secret, expected=secret, observed=secret, fix=secret, part=secret)
        yield render(made)
        yield render(Audit(trace))
        yield render(trace)
        yield render(given_.report(trace, [found], "token"))
        yield render(given_.report(trace, [found]))
        yield preview(vault, replace(request, headers=headers), secret)
        yield render(TokenDetails(held("another-token-55bb", said=f"in {secret} it"), vault, 1.0))
        yield render(TokenDetails(held(secret, said=secret), vault))
    yield render(given_.config(hostile_document(secret), hostile_document(secret), vault))


def assert_no_secret(secret: str, made: Bundle, where: str) -> None:
    encoded = (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode(), secret.encode().hex())
    for kind, content in made.items():
        assert not any(form in content for form in encoded), f"{where} {kind}"


def test_a_learned_secret_is_masked_by_name_though_the_vault_never_met_it() -> None:
    run = Run("token", (), True, learned=(("access_token", "never-seen-77aa"), ("refresh_token", "(none)")))
    made = render(given_.report(Trace(runs=(run,)), step="token"))
    assert "never-seen-77aa" not in made["text/html"] + made["text/plain"]
    assert "refresh_token: (none)" in made["text/plain"]


def test_a_large_body_makes_a_small_display() -> None:
    big = json.dumps({"tools": [{"name": f"tool-{at}", "description": "does things " * 9} for at in range(9000)]})
    assert len(big) > 1_000_000
    kinds = ("application/json", "text/html", "text/event-stream", "application/x-www-form-urlencoded")
    for kind in kinds:
        answer = Response(200, "OK", (("Content-Type", kind),), big.encode())
        made = render(given_.exchange(Vault(), 1, "mcp", Request("GET", "https://a.example/"), answer))
        assert len(made["text/html"]) < 64_000, kind
        assert all("not shown" in content for content in made.values())


def test_long_lines_are_cut() -> None:
    long = "x" * 100_000
    headers = ((long, long),)
    request = Request("GET", f"https://a.example/{long}?q={long}", headers)
    made = render(given_.exchange(Vault(), 1, "mcp", request, Response(200, long, headers)))
    assert len(made["text/html"]) < 64_000
    assert len(made["text/plain"].splitlines()[0]) < 400


def test_many_exchanges_stay_small() -> None:
    one = given_.passed_trace().exchanges[1]
    many = tuple(replace(one, id=at) for at in range(1, 51))
    trace = Trace(many, (Run("resource_metadata", tuple(range(1, 51)), True),), {}, one.vault)
    assert len(render(given_.report(trace, step="resource_metadata"))["text/html"]) < 50 * 4000
