"""Probes: steps beside the route, which ask what an ordinary client would not ask.

A probe is declared with ``@step(probe=True)`` in a module of this package and is named in `protocol.probes`. It starts
from the flow as it is, with whatever is known, and what it returns changes nothing of that flow: what it found out is
in its exchanges, where rules and tables read it.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcp_oauth_nb.protocol.step import Step
from mcp_oauth_nb.steps.probes import bearer, client_document, documents, fresh, locations, server, transport

PROBES: Mapping[str, Step] = {
    declared.name: declared
    for declared in (
        locations.well_known,
        client_document.client_document_check,
        documents.second_fetch,
        documents.jwks,
        bearer.without_token,
        bearer.garbage_token,
        bearer.malformed_authorization,
        bearer.wrong_scheme_case,
        bearer.token_in_query,
        bearer.token_elsewhere,
        bearer.session_only,
        transport.origin,
        transport.slash,
        transport.accept,
        transport.get_stream,
        transport.post_get,
        transport.get_and_delete,
        transport.unknown_version,
        transport.unknown_method,
        bearer.wrong_audience,
        server.http_redirect_registration,
        server.unknown_client,
        server.unregistered_redirect,
        server.without_resource,
        server.wrong_verifier,
        server.without_verifier,
        server.basic_or_body,
        server.introspect_anonymous,
        server.code_replay,
        fresh.fresh_grant,
    )
}
"""Every probe by name."""
