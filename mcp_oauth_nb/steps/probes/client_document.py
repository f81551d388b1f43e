"""A look at the client's own metadata document, as an authorization server would read it."""

from __future__ import annotations

from mcp_oauth_nb.protocol.client_document import problems
from mcp_oauth_nb.protocol.flow import Flow, Outcome, need
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import Call, Send, Stopped, Wants, step
from mcp_oauth_nb.steps.words import answered, unanswered

WHERE = "Debugger(url, client_metadata_url='https://...')"


@step(title="Check the client ID metadata document", spec=Spec("CIMD", "4"), probe=True)
def client_document_check(flow: Flow) -> Wants:
    """Fetch the document without credentials. A client never needs to: it is for the authorization server to read."""
    url = need(flow.settings.client_metadata_url, "URL of a client ID metadata document", WHERE)
    exchange = yield Send(Call.get(url, why="client_metadata_url of the settings, as an authorization server reads it"))
    if exchange.failure is not None:
        return Stopped(unanswered(exchange))
    if exchange.status != 200 or exchange.document is None:
        return Stopped(f"expected 200 with a JSON object, got {answered(exchange)}")
    found = problems(exchange.document, url, flow.settings.redirect_uri)
    musts = sum(one.level == "MUST" for one in found)
    told = f"{musts} reasons for a server to refuse it" if musts else "a server can take it"
    return flow.learn(called=Outcome(told, exchange.id))
