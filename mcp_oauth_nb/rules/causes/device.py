"""Suspects behind a device authorization endpoint that gives no code."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.refusals import refused_with, said, shown_in
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, came

REQUEST = Spec("RFC 8628", "3.1")


@suspect(
    "device-grant-not-allowed",
    of="device-refused",
    step="device",
    who=AUTHORIZATION_SERVER,
    summary="The client may not use the device authorization grant.",
    fix="Allow this client the device authorization grant, or ask with one that it may use.",
    spec=REQUEST,
    apart="Another grant works with the same client.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = refused_with(case, finding, "unauthorized_client", "unsupported_grant_type")
    if refused is not None:
        yield Fit("likely", (said(refused),))


@suspect(
    "device-endpoint-elsewhere",
    of="device-refused",
    step="device",
    who="user",
    summary="Nothing gives device codes at this URL.",
    fix="Take the device_authorization_endpoint of the authorization server metadata as device_url.",
    spec=Spec("RFC 8628", "4"),
    apart="The metadata names another device_authorization_endpoint, or none.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = shown_in(case, finding)
    if refused is not None and refused.status in (404, 405):
        yield Fit("likely", (line(refused, "status", came(refused)),))
