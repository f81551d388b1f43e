"""httpx's transport over connections of ours: with the deadline, and with the environment's proxy.

A kept connection is given up after a few idle seconds: between two cells pass minutes, and a gateway that forgot the
connection meanwhile would let the next request hang until its deadline.
"""

from __future__ import annotations

import ssl
import urllib.request
import weakref

import httpcore
import httpx

from mcp_oauth_nb.protocol.wellknown import is_loopback
from mcp_oauth_nb.records import origin_of
from mcp_oauth_nb.wire.deadline import Deadline, TimedBackend

IDLE_S = 5.0
"""How long a connection is kept for the next request."""


class Transport(httpx.HTTPTransport):
    """A set of connections for one thread; it closes them when it is dropped.

    httpx's transport is used for its translation of errors. Its constructor lets no backend through, so that the pool
    it makes is replaced.
    """

    def __init__(self, context: ssl.SSLContext, proxy: str | None) -> None:
        super().__init__(verify=context)
        self.deadline = Deadline()
        self._pool = _pool(context, proxy, TimedBackend(self.deadline))
        weakref.finalize(self, self._pool.close)


def _pool(context: ssl.SSLContext, proxy: str | None, backend: TimedBackend) -> httpcore.ConnectionPool:
    if proxy is None:
        return httpcore.ConnectionPool(ssl_context=context, network_backend=backend, keepalive_expiry=IDLE_S)
    named = httpx.Proxy(proxy if "://" in proxy else f"http://{proxy}")  # takes user and password out of the URL
    return httpcore.HTTPProxy(
        proxy_url=str(named.url),
        proxy_auth=named.raw_auth,
        ssl_context=context,
        network_backend=backend,
        keepalive_expiry=IDLE_S,
    )


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for a URL. This machine is never asked for through a proxy."""
    if is_loopback(url):
        return None
    proxies = urllib.request.getproxies_environment()
    scheme, _, host = origin_of(url).partition("://")
    if not proxies or urllib.request.proxy_bypass(host):
        return None
    return proxies.get(scheme.lower()) or proxies.get("all")
