"""Ask every location at which a metadata document may be, also those that a client would not come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mcp_oauth_nb.protocol.flow import Flow
from mcp_oauth_nb.protocol.locations import MOST, Location, resource_locations, server_locations
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import Call, Send, Stopped, Wants, step
from mcp_oauth_nb.records import Exchange

NAMES = {"resource": "protected resource metadata", "server": "authorization server metadata"}


@step(title="Ask every well-known location", spec=Spec("RFC 8414", "3"), probe=True)
def well_known(flow: Flow) -> Wants:
    """One GET for each location, whatever the others answered.

    What is known already is used (the challenge, the issuers of the protected resource metadata); and the issuers that
    the documents found here name are asked for too, so that the typed URL alone is enough.
    """
    issuers = list(flow.resource_metadata.texts("authorization_servers")) if flow.resource_metadata else []
    found = asked = 0
    for location in resource_locations(flow.settings.url, _named(flow))[:MOST]:
        exchange = yield Send(_call(location))
        issuers += _issuers(exchange)
        found, asked = found + _has_document(exchange), asked + 1
    for location in server_locations(flow.settings.url, issuers)[: MOST - asked]:
        exchange = yield Send(_call(location))
        found, asked = found + _has_document(exchange), asked + 1
    if not found and not flow.profile.default_endpoints:
        return Stopped(f"none of {asked} locations has a metadata document")
    return flow


def _named(flow: Flow) -> str | None:
    """The metadata URL of the challenge, where there is one."""
    bearer = flow.challenge.challenges.bearer() if flow.challenge else None
    return (bearer.get("resource_metadata") or None) if bearer else None


def _call(location: Location) -> Call:
    why = f"every location is asked ({', '.join(location.kinds)}): {NAMES[location.document]}, {location.readership}"
    return Call.get(location.url, why=why)


def _issuers(exchange: Exchange) -> Iterator[str]:
    listed = (exchange.document or {}).get("authorization_servers") if exchange.status == 200 else None
    yield from (one for one in _listed(listed) if isinstance(one, str))


def _listed(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else ()


def _has_document(exchange: Exchange) -> bool:
    return exchange.failure is None and exchange.status == 200 and exchange.document is not None
