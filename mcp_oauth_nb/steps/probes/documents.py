"""Documents asked for once more, and the keys that they name."""

from __future__ import annotations

from mcp_oauth_nb.protocol.flow import Flow
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import Call, Send, Wants, step
from mcp_oauth_nb.steps.probes.fresh import not_tested, tested


@step(title="Fetch the metadata once more", spec=Spec("RFC 8414", "3"), probe=True)
def second_fetch(flow: Flow) -> Wants:
    """The same documents a second time: where two machines answer, they should say the same."""
    known = [one for one in (flow.resource_metadata, flow.server_metadata) if one is not None]
    if not known:
        return not_tested("no metadata was found yet")
    for document in known:
        why = "asked once more; a healthy server publishes the same document"
        exchange = yield Send(Call.get(document.url, why=why))
    return tested(flow, exchange)


@step(title="Fetch the signing keys", spec=Spec("RFC 8414", "2"), probe=True)
def jwks(flow: Flow) -> Wants:
    """The keys with which whoever is handed a token checks its signature."""
    uri = flow.server_metadata.text("jwks_uri") if flow.server_metadata else None
    if uri is None:
        return not_tested("the metadata names no jwks_uri")
    exchange = yield Send(
        Call.get(uri, why="jwks_uri in the metadata; a healthy server answers a JWK set, no private key")
    )
    return tested(flow, exchange)
