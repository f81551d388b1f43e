"""Faults in what a client discovers, and what the debugger records of a server that has one."""

from __future__ import annotations

from mcp_oauth_nb import Debugger, Trace

FAULTS = (
    None,
    "no-challenge",
    "metadata-url-relative",
    "metadata-url-misbuilt",
    "wrong-resource",
    "no-resource-metadata",
    "resource-metadata-html",
    "metadata-with-byte-order-mark",
    "no-authorization-server",
    "metadata-html",
    "no-server-metadata",
    "server-metadata-crashes",
    "only-openid-metadata",
    "issuer-mismatch",
    "metadata-issuer-with-slash",
    "server-metadata-null-member",
    "s256-unsaid",
    "no-s256",
    "no-code-flow",
    "registration-not-offered",
    "registration-refused",
)
"""Names of the demo's faults; None is a healthy server."""


def recorded(url: str) -> Trace:
    """A run and a look at every location."""
    dbg = Debugger(url, browser="follow", step_timeout_s=5)
    dbg.run()
    dbg.well_known()
    return dbg.trace
