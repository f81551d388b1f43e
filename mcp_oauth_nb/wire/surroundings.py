"""What this process brings along, in words: the listener, the proxy variables, certificates and versions.

Credentials of a proxy never get as far as a word: of its URL only scheme, host and port are read. The values go into
the trace's settings, so that whatever reads a trace needs no look at the machine.
"""

from __future__ import annotations

import functools
import ipaddress
import os
import socket
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from mcp_oauth_nb.protocol.wellknown import is_loopback
from mcp_oauth_nb.records import origin_of
from mcp_oauth_nb.wire.addresses import host_of
from mcp_oauth_nb.wire.callback import Listener
from mcp_oauth_nb.wire.http import DEFAULT_HEADERS

PROXIES = ("http", "https", "all")
CA_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def surroundings(listener: Listener, verify: bool | str | Path) -> dict[str, str]:
    """Each by name; what is not set is left out, except for the listener and the certificates."""
    proxies = urllib.request.getproxies_environment()
    told = {
        "listener": ", ".join(listener.bound) or f"none ({listener.problem or 'closed'})",
        "redirect host": _redirect_host(listener.redirect_uri),
        "proxy": ", ".join(_named(proxies)),
        "no proxy for": "set" if proxies.get("no") else "",
        "certificates": _certificates(verify),
        **versions(),
    }
    return {name: value for name, value in told.items() if value}


def _redirect_host(uri: str) -> str:
    """What the browser connects to: looked up for names of this machine alone, since others may take long."""
    host = host_of(uri)
    try:
        return f"{host}, IPv{ipaddress.ip_address(host).version}"
    except ValueError:
        pass
    if not is_loopback(uri):
        return f"{host}, not looked up" if host else ""
    return f"{host}, resolves to {', '.join(_addresses(host)) or 'nothing'}"


@functools.cache
def _addresses(name: str) -> tuple[str, ...]:
    """Looked up once: settings are read for every display."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(
        dict.fromkeys(f"{address[0]} (IPv{6 if family == socket.AF_INET6 else 4})" for family, *_, address in found)
    )


def _named(proxies: Mapping[str, str]) -> Iterator[str]:
    """The variables that are set, with scheme, host and port of what they name."""
    for scheme, url in proxies.items():
        if scheme in PROXIES:
            yield f"{scheme}_proxy to {origin_of(url if '://' in url else f'http://{url}')}"


def _certificates(verify: bool | str | Path) -> str:
    if verify is False:
        return "off: no certificate is checked"
    if verify is not True:
        return "your own bundle, and nothing else"
    named = next((name for name in CA_VARIABLES if os.environ.get(name)), None)
    return f"those of {named}" if named else "the usual roots (certifi), not those of this system"


@functools.cache
def versions() -> dict[str, str]:
    """Of this package, its HTTP libraries, Python and the system."""
    import platform  # noqa: PLC0415 - only what is looked at needs it

    libraries = ", ".join(f"{name} {_version(name)}" for name in ("httpx", "httpcore"))
    return {
        "package": f"{dict(DEFAULT_HEADERS)['User-Agent'].replace('/', ' ')}, {libraries}",
        "python": platform.python_version(),
        "system": f"{platform.system() or sys.platform} {platform.release()}",
    }


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - only what is looked at needs it

    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
