"""The steps, and the route they are taken in."""

from __future__ import annotations

from collections.abc import Mapping

from mcp_oauth_nb.protocol.grants import AFTERWARDS as AFTERWARDS
from mcp_oauth_nb.protocol.grants import PLAIN_STEPS as PLAIN_STEPS
from mcp_oauth_nb.protocol.grants import ROUTE as ROUTE
from mcp_oauth_nb.protocol.grants import route_of
from mcp_oauth_nb.protocol.step import Step
from mcp_oauth_nb.steps import api, authorization, device, discovery, inspection, management, mcp, registration, tokens
from mcp_oauth_nb.steps.probes import PROBES


def route_for(grant: str, *, afterwards: bool = False) -> tuple[str, ...]:
    """The route of a grant: only that of the authorization code has steps in the browser, and refresh tokens after."""
    later = AFTERWARDS if grant == "authorization_code" else AFTERWARDS[AFTERWARDS.index("revoke") :]
    return route_of(ROUTE, grant) + (later if afterwards else ())


STEPS: Mapping[str, Step] = {
    declared.name: declared
    for declared in (
        discovery.challenge,
        discovery.resource_metadata,
        discovery.server_metadata,
        registration.register,
        authorization.pkce,
        authorization.authorize,
        authorization.callback,
        device.device,
        tokens.token,
        mcp.mcp,
        api.api_step(),
        mcp.call_step("", {}),
        tokens.refresh,
        tokens.replay,
        tokens.revoke,
        mcp.revoked,
        inspection.introspect_step(),
        inspection.userinfo,
        management.registration,
        management.unregister,
        *PROBES.values(),
    )
}
"""Every step by name."""

ASIDE = tuple(name for name, declared in STEPS.items() if declared.aside)
"""What stands beside the route: extra calls, and what one can ask at any time."""
