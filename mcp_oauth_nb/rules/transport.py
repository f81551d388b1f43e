"""Rules for every step: no answer at all, plain http, and the honest last resort for an answer that fits nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import is_loopback, same_origin
from mcp_oauth_nb.records import Exchange, FailureKind, Run
from mcp_oauth_nb.rules.evidence import FINISHED_RUNS, TRIED, is_edited
from mcp_oauth_nb.rules.outside import is_outside
from mcp_oauth_nb.rules.rule import ANY, MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, MCP_SERVER, came, origin, party

_FAILURES: dict[FailureKind, tuple[str, str, Who]] = {
    "url": (
        "No request can be sent to {target}: it is not a usable http or https URL",
        "Correct the URL where it is written: {source}.",
        "user",
    ),
    "header": (
        "The request to {target} was not sent: a header field of it holds what HTTP does not let through",
        "Correct the header field where its value comes from: {source}.",
        "user",
    ),
    "address": (
        "{target} was not asked: a server named this URL, and it leads where a server must not send a client",
        (
            "Correct the URL where it is published: {source}. Where it is right, as in a network of your own, allow "
            "its host by name: Debugger(url, allow_hosts=('idp.internal',))."
        ),
        "user",
    ),
    "dns": (
        "The host name in {target} does not resolve to an address",
        "Check the host name for a typing error ({source}), then DNS and VPN of the machine that runs the notebook.",
        "network",
    ),
    "connect": (
        "No connection to {target} could be made",
        (
            "Start the server, and check its port, the firewall and any proxy on the way. On a remote notebook, "
            "localhost is the remote machine."
        ),
        "network",
    ),
    "tls": (
        "The TLS connection to {target} failed",
        (
            "Renew or complete the server's certificate chain; for a private certificate authority hand its bundle in "
            "with Debugger(url, verify='ca.pem')."
        ),
        "network",
    ),
    "timeout": (
        "{target} took too long to answer",
        (
            "Find out whether the server hangs or a firewall drops the packets; a server that is merely slow needs a "
            "longer time limit."
        ),
        "network",
    ),
    "protocol": (
        "{target} was reached, but the exchange could not be completed",
        "Check that the port speaks HTTP and that scheme and port fit together, then the log of the server or gateway.",
        "gateway",
    ),
}

FOLLOWS_FROM_SILENCE = (
    "resource-metadata-missing",
    "server-metadata-missing",
    "registration-refused",
    "token-refused",
    "unexpected-answer",
)


@rule(
    "unreachable",
    step=ANY,
    level=MUST,
    who="network",
    summary="A request got no answer.",
    fix="Make the server reachable, then run the step again.",
    spec=Spec("RFC 9110", "3.3"),
    over=TRIED,
    explains=FOLLOWS_FROM_SILENCE,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.failure is None:
        return
    summary, fix, who = _FAILURES[exchange.failure.kind]
    typed = same_origin(exchange.request.url, case.url) or exchange.request.url == case.url
    source = "the URL you typed" if typed else exchange.why or "the document that names it"
    blamed = who if who != "user" or typed else party(exchange.step)
    if exchange.failure.kind == "header":
        source, blamed = _giver_of_header(exchange)
    run = case.runs.get(exchange.step)
    yield Seen(
        exchange,
        "failure",
        expected=f"an HTTP answer from {origin(exchange)}",
        observed=f"{exchange.failure.kind}: {exchange.failure.message}",
        summary=summary.format(target=origin(exchange)) + ".",
        fix=fix.format(source=source),
        who=blamed,
        level=SHOULD if run is not None and run.achieved else MUST,
    )


_GIVEN: Mapping[str, tuple[str, Who]] = {
    "authorization": ("the token that was issued for it", AUTHORIZATION_SERVER),
    "mcp-session-id": ("the session that was opened for it", MCP_SERVER),
}
"""Header fields whose value a server handed out, as long as nobody edited it: by name, from whom."""


def _giver_of_header(exchange: Exchange) -> tuple[str, Who]:
    """Where the value of a header field comes from that cannot be sent, and whose it is; unless told, the user's.

    The failure names the field. The value itself is masked in what was saved.
    """
    told = exchange.failure.message.lower() if exchange.failure else ""
    for name, given in _GIVEN.items():
        if f"header field {name} " in told and not is_edited(exchange, name):
            return given
    return "your settings, or the arguments of the call", "user"


def _asked_of_the_resource(case: Case) -> list[Exchange]:
    """The first request to the MCP server and those for its metadata."""
    return [*case.exchanges("challenge")[:1], *case.exchanges("resource_metadata")]


@rule(
    "resource-not-https",
    step=ANY,
    level=MUST,
    who=party("mcp"),
    summary="The MCP server or its metadata is asked for over plain http.",
    fix="Serve the MCP endpoint and its metadata over https, and publish https URLs.",
    spec=Spec("OAuth 2.1", "1.5"),
    over=Selector(_asked_of_the_resource, "no request to the MCP server was made yet"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    url = exchange.request.url
    if url.lower().startswith("http:") and not is_loopback(url):
        typed = exchange.step == "challenge"
        yield Seen(
            exchange,
            "url",
            expected="an https URL (http only on this machine)",
            observed=origin(exchange),
            fix="Type the https URL of the MCP server; where it has none, put it behind TLS." if typed else "",
        )


def _asked_without_mcp(case: Case) -> list[Exchange]:
    """What was sent in a flow without MCP, whose endpoints a person may have typed."""
    return [one for one in case.exchanges() if one.direction == "out"] if is_outside(case) else []


@rule(
    "request-not-https",
    step=ANY,
    level=MUST,
    who="user",
    summary="A request with codes, tokens or secrets goes over plain http to another machine.",
    fix="Use the https URL of this endpoint; where it has none, put it behind TLS.",
    spec=Spec("RFC 6749", "10.9"),
    over=Selector(_asked_without_mcp, "no request of a flow without MCP was made yet"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    url = exchange.request.url
    if url.lower().startswith("http:") and not is_loopback(url):
        yield Seen(exchange, "url", "an https URL (http only on this machine)", origin(exchange), step=exchange.step)


EXPECTED = {
    "challenge": "401 with a Bearer challenge",
    "resource_metadata": "200 with the protected resource metadata",
    "server_metadata": "200 with the authorization server metadata",
    "register": "201 with a client_id",
    "pkce": "a code verifier and its challenge",
    "authorize": "an authorization URL that can be opened",
    "callback": "a redirect to the redirect URI with a code",
    "device": "200 with a user code",
    "token": "200 with an access token",
    "api": "an answer of the API in the 200s",
    "mcp": "200 with a JSON-RPC result for every request",
    "call": "200 with a JSON-RPC result",
    "refresh": "200 with a new access token",
    "replay": "an answer, at best a refusal",
    "revoke": "200",
    "revoked": "an answer, at best 401",
    "introspect": "200 with a boolean active",
    "userinfo": "200 with the claims about the user",
    "registration": "200 with the registered client",
    "unregister": "204",
}
"""What each step waits for, in words."""


@rule(
    "unexpected-answer",
    step=ANY,
    level=MUST,
    who="nobody known",
    summary="The step did not get what it is for, and no other rule knows why.",
    fix="Look at the exchange, and ask with the calls below: nothing is claimed here about the cause.",
    spec=Spec("MCP 2025-11-25", "Authorization Flow"),
    over=FINISHED_RUNS,
)
def _(case: Case, run: Run) -> Iterator[Seen]:
    """`judge` drops this one wherever another rule found a broken MUST in the step."""
    if run.achieved:
        return
    expected = EXPECTED.get(run.step, "what the step is for")
    tried = case.exchanges(run.step)
    if not tried:
        yield Seen(
            None,
            "url",
            expected=expected,
            observed=run.stopped or "nothing was sent",
            summary="The step could not send anything.",
            fix="Supply what is missing, in the settings or by an earlier step, then run the step again.",
            step=run.step,
        )
        return
    last = tried[-1]
    yield Seen(
        last,
        "status" if last.response else "url",
        expected=expected,
        observed=f"{came(last)}; stopped: {run.stopped}" if run.stopped else came(last),
        step=run.step,
    )
