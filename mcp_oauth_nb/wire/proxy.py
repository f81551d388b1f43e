"""The proxy that the environment asks for, read anew for each request: cells change the environment."""

from __future__ import annotations

import urllib.request

from mcp_oauth_nb.protocol.wellknown import is_loopback
from mcp_oauth_nb.records import origin_of


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for a URL. This machine is never asked for through a proxy."""
    if is_loopback(url):
        return None
    proxies = urllib.request.getproxies_environment()
    scheme, _, host = origin_of(url).partition("://")
    if not proxies or urllib.request.proxy_bypass(host):
        return None
    return proxies.get(scheme.lower()) or proxies.get("all")
