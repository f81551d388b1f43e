"""Every step meets every kind of wrong answer: it fails with a reason, keeps what it received, and can be run again.

The demo server answers wrongly at one place; once it is mended, running that one step again passes and the flow goes
on to its end. Nothing that is shown on the way holds a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product

import httpcore
import pytest
from leaks import assert_no_leak, shown

from mcp_oauth_nb import Debugger
from mcp_oauth_nb.demo import DemoServer, Fault
from mcp_oauth_nb.demo.answers import Answer
from mcp_oauth_nb.steps import AFTERWARDS, ROUTE
from mcp_oauth_nb.wire.transport import TimedBackend

SHORT_S = 0.3
PAGE = "<!doctype html><title>Sign in</title><script>alert(1)</script>"
ODD = {
    "resource": 5,
    "authorization_servers": {"a": 1},
    "scopes_supported": "x",
    "issuer": ["https://a.example"],
    "authorization_endpoint": "javascript:alert(1)",
    "token_endpoint": ["x"],
    "registration_endpoint": {"a": 1},
    "code_challenge_methods_supported": {"S256": True},
    "client_id": 5,
    "client_secret": ["x"],
    "redirect_uris": "x",
    "access_token": {"a": 1},
    "token_type": None,
    "expires_in": "soon",
    "scope": ["x"],
    "error": {"code": 1},
    "error_description": [],
    "jsonrpc": 2,
    "id": {"a": 1},
    "result": "x",
}
"""Every member that any step reads, each of a wrong type."""


@dataclass(frozen=True)
class Kind:
    """One kind of wrong answer: with a status, or with the kind of failure it must become."""

    answer: Answer | None
    status: int | None = None
    failure: str = ""


def _json(body: bytes) -> Answer:
    return Answer(200, (("content-type", "application/json"),), body)


KINDS = {
    "not-json": Kind(_json(b"this is {no json"), 200),
    "empty": Kind(Answer(200), 200),
    "array": Kind(_json(b"[1, {}, null]"), 200),
    "number": Kind(_json(b"1e999"), 200),
    "nested": Kind(_json(b"[" * 100_000), 200),
    "odd-types": Kind(Answer.of_json(200, ODD), 200),
    "not-utf8": Kind(_json(b'{"error": "\xff\xfe\x1b[31m"}'), 200),
    "html": Kind(Answer.of_html(200, PAGE), 200),
    "error-500": Kind(Answer.of_html(500, PAGE), 500),
    "error-404": Kind(Answer.of_json(404, {"detail": "Not Found"}), 404),
    "oauth-error": Kind(Answer.of_json(400, {"error": "x" * 5000, "error_description": "a\x1b[31m<b>"}), 400),
    "redirect": Kind(Answer(302, (("location", "/nowhere"),)), 302),
    "redirect-to-script": Kind(Answer(302, (("location", "javascript:alert(1)"),)), 302),
    "dropped": Kind(Answer(200, delivery="dropped"), None, "protocol"),
    "cut-short": Kind(
        Answer(200, (("content-type", "application/json"),), b"x" * 50, delivery="truncated"), 200, "protocol"
    ),
    "silent": Kind(Answer(200, delivery="never"), None, "timeout"),
    "refused": Kind(None, None, "connect"),
}

PLACES = {
    "challenge": ("/mcp",),
    "resource_metadata": ("/.well-known/oauth-protected-resource*",),
    "server_metadata": ("/.well-known/oauth-authorization-server*", "*/.well-known/openid-configuration*"),
    "register": ("/register",),
    "callback": ("/authorize",),
    "consent": ("/consent*",),
    "token": ("/token",),
    "mcp": ("/mcp",),
    "refresh": ("/token",),
    "replay": ("/token",),
    "revoke": ("/revoke",),
    "revoked": ("/mcp",),
}
"""Where to answer wrongly; "consent" is the second hop of the callback."""

HEALTHY = {
    ("replay", "oauth-error"),
    *(("revoke", name) for name, kind in KINDS.items() if kind.status == 200 and not kind.failure),
}
"""Not wrong: a refused replay, and a revocation answered 200 with whatever body (RFC 7009 2.2)."""


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


@contextmanager
def broken(
    server: DemoServer, dbg: Debugger, place: str, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Answer wrongly, for a while."""
    wire = dbg._driver.wire
    usual = wire.timeout_s
    with monkeypatch.context() as patched:
        if kind.answer is None:
            wire.close()
            patched.setattr(TimedBackend, "connect_tcp", _refuse)
        else:
            server._switch.fault = Fault(
                "wrong", "token", "", "", "", "", "token", places=PLACES[place], reply=lambda _: kind.answer
            )
        if kind.failure == "timeout":
            wire.timeout_s = SHORT_S
        try:
            yield
        finally:
            wire.timeout_s = usual
            server.mend()


def _refuse(*_: object, **__: object) -> None:
    try:
        raise ConnectionRefusedError(111, "Connection refused")
    except ConnectionRefusedError as error:
        raise httpcore.ConnectError("refused") from error


def run(dbg: Debugger, names: tuple[str, ...]) -> None:
    for name in names:
        call: Callable[[], object] = getattr(dbg, name)
        call()
        found = dbg.trace.run(name)
        assert found.achieved, f"{name}: {found.stopped}"


def cells(place: str) -> Iterator[pytest.param]:
    for kind in KINDS:
        if (place, kind) not in HEALTHY:
            yield pytest.param(place, kind, id=f"{place}-{kind}")


@pytest.mark.parametrize(("place", "kind"), [cell for place in PLACES for cell in cells(place)])
def test_a_wrong_answer(place: str, kind: str, server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    step = "callback" if place == "consent" else place
    steps = tuple(name for name in ROUTE + AFTERWARDS if name != "pkce")
    dbg = Debugger(server.url, browser="follow", step_timeout_s=20)
    earlier = server.secrets_issued()
    run(dbg, steps[: steps.index(step)])
    wrong = KINDS[kind]

    with broken(server, dbg, place, wrong, monkeypatch):
        report = getattr(dbg, step)()

    assert report.status == "failed", report.findings
    assert dbg.diagnose().failing_step == step
    assert dbg.diagnose().cause is not None
    found = dbg.trace.run(step)
    assert found.exchanges
    _assert_kept(wrong, report.exchanges)
    assert found.achieved or found.stopped
    assert "could not be read" not in found.stopped, "that is the last net: the step tripped"
    assert len(found.stopped) < 300
    texts = list(shown(dbg))

    run(dbg, steps[steps.index(step) :])
    assert dbg.diagnose().status == "passed", dbg.diagnose().findings
    assert_no_leak([*texts, *shown(dbg)], server.secrets_issued() - earlier)


def _assert_kept(wrong: Kind, exchanges) -> None:
    """What came is there, whole or as far as it came."""
    met = [x for x in exchanges if (x.failure.kind if x.failure else "") == wrong.failure and x.status == wrong.status]
    assert met, [(x.status, x.failure) for x in exchanges]
    if wrong.status is not None and wrong.answer is not None:
        body = wrong.answer.body
        assert met[0].response.body == (body[: len(body) // 2] if wrong.failure else body)


@pytest.mark.parametrize(("place", "kind"), sorted(HEALTHY))
def test_an_answer_that_is_right_after_all(
    place: str, kind: str, server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = tuple(name for name in ROUTE + AFTERWARDS if name != "pkce")
    dbg = Debugger(server.url, browser="follow", step_timeout_s=20)
    run(dbg, steps[: steps.index(place)])
    with broken(server, dbg, place, KINDS[kind], monkeypatch):
        getattr(dbg, place)()
    assert dbg.trace.run(place).achieved


def test_every_pair_is_tried() -> None:
    tried = {(place, kind) for place, kind in product(PLACES, KINDS)} - HEALTHY
    assert len(tried) == sum(1 for place in PLACES for _ in cells(place))


@pytest.mark.parametrize("kind", ["odd-types", "html", "not-json", "nested", "redirect-to-script"])
@pytest.mark.parametrize("place", PLACES)
def test_lenient_never_trips_either(place: str, kind: str, server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that goes on where a client must not meets odder things still; it ends with a report all the same."""
    step = "callback" if place == "consent" else place
    dbg = Debugger(server.url, browser="follow", step_timeout_s=20, on_violation="continue")
    steps = tuple(name for name in ROUTE + AFTERWARDS if name != "pkce")
    run(dbg, steps[: steps.index(step)])
    with broken(server, dbg, place, KINDS[kind], monkeypatch):
        getattr(dbg, step)()
        report = dbg.run(afterwards=True)
    assert report.status in ("failed", "warned", "passed", "incomplete")
    assert all("could not be read" not in one.stopped for one in dbg.trace.runs)
    assert list(shown(dbg))
