"""A failure that no rule knows is said to be one: what was expected, what came, what would tell more, and no party."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator, Mapping

import pytest
from factories import (
    HTML,
    ISSUER,
    JSON,
    PAGE,
    Piece,
    authorized,
    came_back,
    failed,
    mcp_request,
    refresh_request,
    registered,
    resource_document,
    revocation,
    rpc,
    server_document,
    texchange,
    tflow,
    token_request,
    unauthenticated,
)
from recorder import Instead, Recorder
from wire.raw import response

from mcp_oauth_nb import Client, Debugger, DemoServer
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.protocol.grants import ROUTE
from mcp_oauth_nb.protocol.probes import PROBES
from mcp_oauth_nb.records import Exchange, Trace
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.cause import SUSPECTS
from mcp_oauth_nb.rules.rule import LAST_RESORT, Report
from mcp_oauth_nb.rules.transport import EXPECTED
from mcp_oauth_nb.rules.unknown import LEAVES_OUT, NARROWED_BY
from mcp_oauth_nb.views.verdict import SURE

USELESS = {"hello": "world"}
STOPPED = "the answer is none that this step can go on with"


def said(report: Report) -> str:
    return render(report)["text/plain"]


# --- what no rule knows -----------------------------------------------------------------------------------------------


def stopped(step: str, *exchanges: Exchange) -> Trace:
    return tflow(failed(step, *exchanges, stopped=STOPPED), upto=step)


UNKNOWN: Mapping[str, Trace] = {
    "resource_metadata": stopped("resource_metadata", resource_document()),
    "server_metadata": stopped("server_metadata", server_document()),
    "register": stopped("register", registered()),
    "authorize": tflow(Piece("authorize", authorized().exchanges, achieved=False, stopped=STOPPED), upto="authorize"),
    "callback": stopped("callback", came_back()),
    "token": stopped("token", token_request()),
    "mcp": stopped("mcp", mcp_request(rpc("tools/list", 2), 200, {"jsonrpc": "2.0", "id": 2, "result": {"tools": []}})),
    "refresh": stopped("refresh", refresh_request()),
    "revoke": stopped("revoke", revocation()),
    "pkce": tflow(Piece("pkce", (), achieved=False, stopped=STOPPED), upto="pkce"),
}
"""By step: healthy answers, and a step that stopped all the same for a reason that no rule knows."""


@pytest.mark.parametrize("step", UNKNOWN)
def test_a_step_that_stopped_for_a_reason_nobody_knows(step: str) -> None:
    report = diagnose(UNKNOWN[step])
    finding = report.cause
    assert (report.failing_step, finding.rule, finding.cause) == (step, LAST_RESORT, LAST_RESORT)
    assert finding.who == "nobody known"
    assert finding.suspects == ()
    assert STOPPED in finding.observed
    text = said(report)
    assert "no known cause" in text
    assert "who must act" not in text.partition("\nsteps\n")[0]
    assert finding.expected.split()[0] in text
    for call, tells in NARROWED_BY.get(step, ()):
        assert call in text
        assert tells in text


# --- odd answers ------------------------------------------------------------------------------------------------------


def odd(step: str, status: int) -> Trace:
    """An answer with this status and a body that says nothing."""
    answers = {
        "challenge": lambda: unauthenticated(status, None, USELESS).exchanges[0],
        "resource_metadata": lambda: resource_document(USELESS, status=status),
        "server_metadata": lambda: server_document(USELESS, status=status),
        "register": lambda: registered(status, USELESS),
        "callback": lambda: texchange("callback", f"{ISSUER}/authorize", status, USELESS, headers=JSON),
        "token": lambda: token_request(status, USELESS),
        "mcp": lambda: mcp_request(rpc("initialize"), status, USELESS, headers=JSON),
        "refresh": lambda: refresh_request("refresh", status, USELESS),
        "revoke": lambda: revocation(status, json.dumps(USELESS).encode()),
    }
    return tflow(failed(step, answers[step](), stopped="expected otherwise"), upto=step)


STEPS = (
    "challenge",
    "resource_metadata",
    "server_metadata",
    "register",
    "callback",
    "token",
    "mcp",
    "refresh",
    "revoke",
)


def assert_nobody_knows(report: Report, step: str) -> None:
    finding, text = report.cause, said(report)
    assert (report.failing_step, finding.rule, finding.who, finding.suspects) == (step, LAST_RESORT, "nobody known", ())
    assert finding.expected == EXPECTED[step]
    head = text.partition("\nsteps\n")[0]
    assert "no known cause" in head
    assert "who must act" not in head
    assert SURE["unknown"] in head
    assert all(call in head for call, _ in NARROWED_BY[step])


@pytest.mark.parametrize("status", [299, 418, 506])
@pytest.mark.parametrize("step", STEPS)
def test_an_odd_status_is_told_as_it_came_and_nobody_is_blamed(step: str, status: int) -> None:
    report = diagnose(odd(step, status))
    assert_nobody_knows(report, step)
    assert report.cause.observed.startswith(f"{status} from https://")
    judged = {rule for rule, outcome in report.verdict.outcomes.items() if outcome == "failed"}
    assert judged == {LAST_RESORT}


@pytest.mark.parametrize("step", ["challenge", "callback", "mcp"])
def test_an_object_that_is_none_of_the_protocols_blames_nobody(step: str) -> None:
    assert_nobody_knows(diagnose(odd(step, 200)), step)


@pytest.mark.parametrize(
    ("step", "status", "rule", "lacking"),
    [
        ("resource_metadata", 200, "resource-mismatch", "no resource"),
        ("server_metadata", 200, "server-metadata-incomplete", "none of them"),
        ("register", 201, "registration-answer-invalid", "without client_id"),
        ("token", 200, "token-answer-invalid", "no access_token"),
        ("refresh", 200, "token-answer-invalid", "no access_token"),
    ],
)
def test_a_document_without_what_it_is_for_says_what_it_lacks(step: str, status: int, rule: str, lacking: str) -> None:
    finding = diagnose(odd(step, status)).cause
    assert (finding.rule, finding.step) == (rule, step)
    assert lacking in finding.observed


def test_an_odd_status_with_an_error_code_is_read_by_its_code() -> None:
    refused = token_request(418, {"error": "invalid_grant", "error_description": "the code has expired"})
    assert diagnose(tflow(failed("token", refused), upto="token")).cause.rule == "token-refused"


def test_an_odd_status_of_an_intermediary_is_read_by_its_marks() -> None:
    headers = (*HTML, ("Server", "cloudflare"), ("CF-RAY", "1"))
    refused = token_request(530, PAGE, headers=headers)
    assert diagnose(tflow(failed("token", refused), upto="token")).cause.rule == "token-refused"


@pytest.mark.parametrize(("place", "step"), [("/token", "token"), ("/mcp", "challenge"), ("/register", "register")])
def test_it_is_so_over_the_wire(place: str, step: str) -> None:
    with DemoServer() as server, Recorder(server.url, instead=_teapot(place)) as recorder:
        report = Debugger(recorder.url, browser="follow", step_timeout_s=10).run()
    assert_nobody_knows(report, step)


def _teapot(place: str) -> Instead:
    return lambda asked: response(b"short and stout", status="418 I'm a teapot") if asked.path == place else None


# --- every call that is named can be made -----------------------------------------------------------------------------


def calls_of_unknown() -> Iterator[tuple[str, str]]:
    for step, rows in NARROWED_BY.items():
        yield from ((step, call) for call, _ in rows)
    yield from (("authorize", call) for _, rows in LEAVES_OUT.values() for call, _ in rows)


def calls_of_suspects() -> Iterator[tuple[str, str]]:
    yield from ((one.id, one.call) for one in SUSPECTS.values() if one.call)


def assert_can_be_made(call: str) -> None:
    """Every attribute exists, every argument has a place, every probe has a step."""
    tree = ast.parse(call, mode="eval").body
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert node.value.id == "dbg"
            assert hasattr(Debugger, node.attr), node.attr
        if not isinstance(node, ast.Call):
            continue
        named = node.func
        if isinstance(named, ast.Name):
            made = {"Debugger": Debugger, "Client": Client}.get(named.id)
            if made is None:
                continue
            signature = inspect.signature(made)
        elif isinstance(named.value, ast.Name):
            signature = inspect.signature(getattr(Debugger, named.attr)).replace()
            signature = signature.replace(parameters=list(signature.parameters.values())[1:])
            if named.attr == "probe":
                assert node.args[0].value in PROBES
        else:
            assert hasattr(Debugger, named.attr)
            continue
        signature.bind(*node.args, **{one.arg: one.value for one in node.keywords})


@pytest.mark.parametrize(("step", "call"), list(calls_of_unknown()))
def test_a_call_that_would_tell_more_exists(step: str, call: str) -> None:
    assert_can_be_made(call)


@pytest.mark.parametrize(("cause", "call"), list(calls_of_suspects()))
def test_a_call_that_would_tell_suspects_apart_exists(cause: str, call: str) -> None:
    assert_can_be_made(call)


def test_every_step_that_asks_somebody_has_a_call_that_would_tell_more() -> None:
    assert set(NARROWED_BY) >= {*ROUTE, "call", "refresh", "revoke", "revoked"} - {"pkce"}


def refused_without(**changes: str | None) -> str:
    """What is said of an error behind an authorization request that lacks something."""
    asked = authorized(**changes)
    back = failed("callback", came_back(code=None, error="something_new"))
    report = diagnose(tflow(asked, back, upto="callback", protocol="2025-03-26"))
    return said(report).partition("\nsteps\n")[0]


def test_no_call_is_named_that_would_change_nothing() -> None:
    whole = refused_without()
    assert "params={'resource': None}" in whole
    assert "params={'scope': None}" in whole
    bare = refused_without(resource=None, scope=None)
    assert "None}" not in bare
    assert "params={'resource': url}" in bare


def test_a_version_without_the_resource_indicator_against_a_server_that_wants_it() -> None:
    with DemoServer() as server:
        dbg = Debugger(server.url, browser="follow", protocol="2025-03-26", step_timeout_s=10)
        lead = dbg.run().cause
        assert (lead.rule, lead.cause, lead.who) == ("authorization-error", "version-sends-no-resource", "user")
        assert "params={'resource': url}" in lead.fix
        assert "protocol=" in lead.fix
        dbg.authorize(params={"resource": server.url})
        dbg.callback()
        assert dbg.token().status == "passed"


@pytest.mark.parametrize(
    ("said_of_it", "version", "resource"),
    [
        ("the resource owner said no", "2025-03-26", None),
        ("the parameter resource is missing", "2025-11-25", None),
        ("the parameter resource is odd", "2025-03-26", "https://mcp.example/mcp"),
    ],
)
def test_the_version_is_not_blamed_for_what_it_has_no_part_in(
    said_of_it: str, version: str, resource: str | None
) -> None:
    back = failed("callback", came_back(code=None, error="invalid_request", error_description=said_of_it))
    report = diagnose(tflow(authorized(resource=resource), back, upto="callback", protocol=version))
    assert "version-sends-no-resource" not in {one.cause for one in report.suspects}
