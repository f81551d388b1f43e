"""Suspects behind a request that got no answer, and how an address of an inner network looks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import is_loopback, same_origin
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.evidence import named_metadata_url, resource_document, server_document, texts
from mcp_oauth_nb.rules.hosts import is_inside
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Line
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER

SILENCE = "unreachable"
TLS = Spec("OAuth 2.1", "1.5")
REACHED = Spec("RFC 9110", "3.3")


def _silent(case: Case, finding: Finding) -> Exchange | None:
    """The exchange that got no answer."""
    return case.trace.exchanges[finding.exchange - 1] if finding.exchange else None


def _failure(exchange: Exchange) -> tuple[str, str]:
    return (exchange.failure.kind, exchange.failure.message.lower()) if exchange.failure else ("", "")


def _is_typed(case: Case, exchange: Exchange) -> bool:
    return same_origin(exchange.request.url, case.url)


@suspect(
    "inner-metadata-url",
    of=SILENCE,
    step="challenge",
    who="MCP server",
    summary="The challenge names a metadata URL that only the MCP server's own network can reach.",
    fix="Set the server's public base URL, so that resource_metadata is built from it.",
    spec=Spec("RFC 9728", "5.1"),
    apart="The well-known URL on the typed origin gives the document.",
    call="dbg.well_known()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange, named = _silent(case, finding), named_metadata_url(case)
    if exchange and named == exchange.request.url and is_inside(named) and not _is_typed(case, exchange):
        yield Fit("likely", (line(exchange, "url", named), _line_of(exchange)))


@suspect(
    "dead-authorization-server",
    of=SILENCE,
    step="resource_metadata",
    who="MCP server",
    summary="The protected resource metadata names an authorization server that does not answer.",
    fix="List the issuer of the authorization server in use in authorization_servers; the one there is out of date or "
    "internal.",
    spec=Spec("RFC 9728", "2"),
    apart="Where the same issuer answers from another machine, the network between is at fault.",
    call='Debugger(url, authorization_server="...")',
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange, found = _silent(case, finding), resource_document(case)
    if exchange is None or found is None or exchange.step != "server_metadata" or _is_typed(case, exchange):
        return
    issuers = texts(found[1].get("authorization_servers"))
    named = next((place for place, one in enumerate(issuers) if same_origin(one, exchange.request.url)), None)
    if named is None or _failure(exchange)[0] not in ("dns", "connect", "timeout", "address"):
        return
    stale = _failure(exchange)[0] in ("dns", "connect", "address") or is_inside(exchange.request.url)
    quote = line(found[0], f"body:/authorization_servers/{named}", issuers[named])
    yield Fit("likely" if stale else "possible", (quote, _line_of(exchange)))


@suspect(
    "endpoint-out-of-reach",
    of=SILENCE,
    step="server_metadata",
    who=AUTHORIZATION_SERVER,
    summary="The metadata names an endpoint at another address than its own, and nobody answers there.",
    fix="Set the public base URL of the authorization server: the endpoint was published with an address of its own "
    "network, or with an outdated one.",
    spec=Spec("RFC 8414", "2"),
    apart="The same path on the host of the issuer gives an answer.",
    call="dbg.config",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange, found = _silent(case, finding), server_document(case)
    if exchange is None or found is None or same_origin(exchange.request.url, found[0].request.url):
        return
    asked = exchange.request.url.partition("?")[0]
    named = next((name for name, value in found[1].items() if name.endswith("_endpoint") and value == asked), None)
    if named and _failure(exchange)[0] in ("dns", "connect", "timeout", "address"):
        certain_end = _failure(exchange)[0] != "timeout" or is_inside(asked)
        quote = line(found[0], f"body:/{named}", asked)
        yield Fit("likely" if certain_end else "possible", (quote, _line_of(exchange)))


@suspect(
    "proxy-in-the-way",
    of=SILENCE,
    step="",
    who="network",
    summary="The proxy that this machine is set to use gives no way to the server.",
    fix="Correct HTTPS_PROXY, or list the host in NO_PROXY, in the environment of the notebook's kernel.",
    spec=REACHED,
    apart="Without the proxy variables the request gets through, or fails in another way.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _silent(case, finding)
    if exchange and "proxy" in _failure(exchange)[1] and _failure(exchange)[0] != "address":
        yield Fit("likely", (_line_of(exchange),))


@suspect(
    "tls-at-a-plain-port",
    of=SILENCE,
    step="",
    who="user",
    summary="The port speaks plain http, but was asked for over https.",
    fix="Use the port that speaks TLS; http in the URL is right only for a server on this machine.",
    spec=TLS,
    apart="The same host and port answer when they are asked over http.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _silent(case, finding)
    if (
        exchange
        and _failure(exchange)[0] == "tls"
        and re.search("wrong.version.number|record.layer", _failure(exchange)[1])
    ):
        yield Fit("likely", (_line_of(exchange),))


@suspect(
    "certificate-expired",
    of=SILENCE,
    step="",
    who="gateway",
    summary="The TLS certificate has expired.",
    fix="Renew the certificate where TLS ends, at the server or the gateway in front of it, and load it there.",
    spec=TLS,
    apart="A clock of the notebook's machine that is wrong looks the same, and shows at every host.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    yield from _certificate(case, finding, "expired|not yet valid")


@suspect(
    "certificate-of-another-host",
    of=SILENCE,
    step="",
    who="gateway",
    summary="The TLS certificate is made out to another host name.",
    fix="Install a certificate that lists this host name, or use the name that it lists.",
    spec=TLS,
    apart="The certificate lists the names that it holds for.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    yield from _certificate(case, finding, "hostname mismatch|not valid for|ip address mismatch")


@suspect(
    "certificate-trusted-in-part",
    of=SILENCE,
    step="",
    who="client",
    summary="The client trusts this server's certificate for MCP requests, but not for its other requests.",
    fix="Give the client one set of trusted authorities for all that it sends: MCP, discovery, tokens and keys.",
    spec=TLS,
    apart="The same host answered a request of this client before over TLS.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _silent(case, finding)
    if exchange is None or _failure(exchange)[0] != "tls" or not exchange.request.url.lower().startswith("https:"):
        return
    for one in case.trace.exchanges[: exchange.id - 1]:
        if one.response is not None and same_origin(one.request.url, exchange.request.url):
            yield Fit("likely", (line(one, "status", str(one.status)), _line_of(exchange)))
            return


@suspect(
    "private-authority",
    of=SILENCE,
    step="",
    who="user",
    summary="The certificate comes from an authority that this machine does not know: a private one, one's own, or "
    "that of a proxy that reads along.",
    fix="Hand the authority's bundle in: Debugger(url, verify='ca.pem').",
    spec=TLS,
    apart="With the bundle of the authority in force the request gets through; where it is a public authority, the "
    "server leaves out the certificates between.",
    call="Debugger(url, verify='ca.pem')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    yield from _certificate(case, finding, "self.signed|unable to get (local )?issuer|unknown ca|unknown authority")


def _certificate(case: Case, finding: Finding, words: str) -> Iterator[Fit]:
    exchange = _silent(case, finding)
    if exchange and _failure(exchange)[0] == "tls" and re.search(words, _failure(exchange)[1]):
        yield Fit("likely", (_line_of(exchange),))


@suspect(
    "nobody-listens",
    of=SILENCE,
    step="",
    who="user",
    summary="Nothing listens at this port of the machine that runs the notebook.",
    fix="Start the server, or correct the port; on a remote notebook localhost is the remote machine.",
    spec=REACHED,
    apart="Another program on the same machine reaches the server, or does not.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _silent(case, finding)
    if exchange and _failure(exchange)[0] == "connect" and _is_typed(case, exchange) and is_loopback(case.url):
        yield Fit("likely", (line(exchange, "url", case.url), _line_of(exchange)))


@suspect(
    "packets-dropped",
    of=SILENCE,
    step="",
    who="network",
    summary="Nothing on the way to the server refuses the connection, and nothing accepts it: packets are dropped.",
    fix="Open the firewall or security group between the notebook's machine and the server, or join its VPN.",
    spec=REACHED,
    apart="From a machine in the server's own network the connection is made.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _silent(case, finding)
    if exchange and _failure(exchange)[0] == "timeout" and "let nobody connect" in _failure(exchange)[1]:
        yield Fit("likely", (_line_of(exchange),))


@suspect(
    "inner-host-name",
    of=SILENCE,
    step="",
    who="user",
    summary="The host name is one of an inner network, which the notebook's machine cannot resolve.",
    fix="Type the public host name, or run the notebook inside that network.",
    spec=REACHED,
    apart="Inside the network the name resolves.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _silent(case, finding)
    if exchange and _failure(exchange)[0] == "dns" and _is_typed(case, exchange) and is_inside(case.url):
        yield Fit("likely", (line(exchange, "url", case.url), _line_of(exchange)))


def _line_of(exchange: Exchange) -> Line:
    return line(exchange, "failure", exchange.failure.message if exchange.failure else "")
