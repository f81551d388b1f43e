"""`KeptFlow`: the flow behind a kept token, and `Means`: what it needs that is never written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mcp_oauth_nb.calling import Caller
from mcp_oauth_nb.keeping.kept import Kept
from mcp_oauth_nb.oauth2 import OAuth2
from mcp_oauth_nb.protocol.flow import PRIVATE_KEY_JWT, Client
from mcp_oauth_nb.protocol.step import Edits
from mcp_oauth_nb.rules.rule import Report

NO_KEY = "its private key is not kept"


@dataclass(frozen=True, repr=False)
class Means:
    """What a kept token has of the flow it came from, in memory alone: neither a keyring nor a shared file holds it.

    Attributes:
        reaching: how the servers are reached: which certificates and hosts are good, and the deadline of a request.
        client: the client with its private key, where it has one.
    """

    reaching: Mapping[str, Any] = field(default_factory=dict)
    client: Client | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        return "<Means of a kept token>"


NO_MEANS = Means()
"""Of a token that came out of the keyring, or out of a file: certificates and hosts are those of everybody."""


def means_of(flow: Caller) -> Means:
    """What of a flow a kept token needs."""
    client, settings = flow.known.client, flow.known.settings
    if client is None or client.auth_method != PRIVATE_KEY_JWT:
        return Means(flow.reaching)
    key = client.private_key or (settings.client.private_key if settings.client else None)
    return Means(flow.reaching, replace(client, private_key=key) if key else None)


class KeptFlow(OAuth2):
    """The flow behind a kept token: a refresh by hand sends nothing where somebody else has just refreshed the grant.

    That may be another process, whose tokens the keyring has, or the flow that the token came from.
    """

    def __init__(self, kept: Kept, means: Means = NO_MEANS) -> None:
        needs_key = kept.client_auth == PRIVATE_KEY_JWT
        client = means.client if needs_key else None
        super().__init__(**kept.arguments(client), **means.reaching)
        metadata = self._flow.server_metadata
        if client is not None and client.issuer and metadata is not None:  # what an assertion is meant for
            named = replace(metadata, value={**metadata.value, "issuer": client.issuer}, identifier=client.issuer)
            self._flow = self._flow.learn(server_metadata=named)
        self.hold(kept.tokens)
        self.use.auto_refresh = kept.auto_refresh
        self.use.token = "id_token" if kept.use == "id_token" and kept.id_token else "access_token"
        self.use.obstacle = NO_KEY if needs_key and client is None else ""

    def refresh(
        self, *, params: Edits | None = None, form: Edits | None = None, headers: Edits | None = None
    ) -> Report:
        with self.renewing() as is_newer:
            if is_newer:
                return self._report("refresh")
            return super().refresh(params=params, form=form, headers=headers)
