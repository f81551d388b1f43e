"""Where a URL leads, as far as its host tells: to this machine, into some inner network, or nowhere."""

from __future__ import annotations

import re

from mcp_oauth_nb.protocol.wellknown import is_loopback, split

_ADDRESS = re.compile(r"(10|192\.168|172\.(1[6-9]|2\d|3[01])|169\.254)(\.\d{1,3}){2,3}")
_NAMES = (".internal", ".local", ".lan", ".svc", ".localdomain", ".corp", ".intranet")
_NUMBERS = re.compile(r"[\d.]+|\[.*\]")
_NOWHERE = ("0.0.0.0", "[::]")  # noqa: S104 - compared with, never listened on


def host_of(url: str) -> str:
    """The host of an http(s) URL in small letters, without user and port; empty where there is none."""
    parts = split(url)
    authority = parts.origin.lower().partition("://")[2].rpartition("@")[2] if parts else ""
    return re.sub(r":\d*$", "", authority)


def may_be_same_site(one: str, other: str) -> bool:
    """Whether two URLs may belong to one site: their hosts end in the same two labels, or one is a name of no domain.

    Which labels a registry sells is not looked up: this only keeps from calling a neighbour a stranger.
    """
    hosts = [host_of(one), host_of(other)]
    if any(_NUMBERS.fullmatch(host) or not host for host in hosts):
        return hosts[0] == hosts[1]
    return any("." not in host for host in hosts) or hosts[0].split(".")[-2:] == hosts[1].split(".")[-2:]


def is_nowhere(url: str) -> bool:
    """Whether the host is the address that a server listens on for every network: no client can ask there."""
    return host_of(url) in _NOWHERE


def is_inside(url: str) -> bool:
    """Whether the host means something only on one machine or inside one network: an inner address or name."""
    host = host_of(url)
    has_no_domain = bool(host) and "." not in host and not host.startswith("[")
    return (
        is_loopback(url) or is_nowhere(url) or has_no_domain or bool(_ADDRESS.fullmatch(host)) or host.endswith(_NAMES)
    )


def is_out_of_reach(url: str, seen_from: str) -> bool:
    """Whether a URL leads into a network, or to a machine, in which the URL beside it does not lie."""
    if host_of(url) == host_of(seen_from):
        return False
    if is_nowhere(url):
        return True
    if is_loopback(url) or is_loopback(seen_from):
        return is_inside(url) and is_loopback(url) != is_loopback(seen_from)
    return is_inside(url) and not is_inside(seen_from)
