"""Where a server's word must not lead: addresses inside the network of whoever runs the notebook (RFC 9728 7.7).

A server names URLs (its metadata, issuers, endpoints, redirects), and this process fetches them from a place that the
server cannot reach by itself. So each URL is checked before it is connected to, on the very address that is then
connected to; there is no second look-up that could answer otherwise.

The URL that the user typed is the measure. Its own addresses are allowed, and with them their kind: a typed URL on this
machine allows all of loopback, one in a private network allows private networks. Nothing else follows from it:
loopback allows no private network, and the metadata service of a cloud is allowed to nobody who did not type it.

Through a proxy it is the proxy that looks names up. There only an address that stands in the URL can be checked.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Sequence

import httpx

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.protocol.wellknown import is_loopback, split

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PUBLIC = "public"
LOOPBACK = "loopback"
METADATA = "cloud metadata"
PRIVATE = "private"
METADATA_ADDRESSES = frozenset(
    map(ipaddress.ip_address, ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "fd00:ec2::254"))
)
"""Where clouds hand out credentials to whoever asks from inside: AWS, Azure, Google, Alibaba, Oracle."""
METADATA_NAMES = frozenset(("metadata.google.internal", "metadata.goog"))
_PRIVATE_NETWORKS = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Refused(Exception):
    """A URL that is not fetched; the text says why, and how to allow it."""


class Guard:
    """Decides for one typed URL which others may be fetched.

    Args:
        typed: the URL that the user typed.
        allow_hosts: host names and IP addresses that may be asked whatever they resolve to, also over plain http.
        also: other URLs that the user typed; their hosts are allowed by name.

    Raises:
        BadSetting: `allow_hosts` is no collection of host names and addresses.
    """

    def __init__(self, typed: str, allow_hosts: Collection[str] = (), also: Sequence[str | None] = ()) -> None:
        self._host = host_of(typed)
        self._is_http = typed[:5].lower() == "http:"
        self._allowed = _hosts(allow_hosts) | {host_of(url) for url in also if url} - {""}
        self._kinds: frozenset[str] | None = None
        literal = _literal(self._host)
        if literal is not None:
            self._kinds = frozenset({kind_of(literal)})
        elif is_loopback(typed):
            self._kinds = frozenset({LOOPBACK})

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """The hosts that may be asked whatever they resolve to."""
        return self._allowed

    def allow(self, url: str) -> None:
        """Allow the host of a further URL that the user typed."""
        self._allowed |= {host_of(url)} - {""}

    def check_url(self, url: str, *, proxied: bool = False) -> None:
        """Check what can be told from the URL itself, before anything is looked up.

        Raises:
            Refused: it is plain http where the typed URL is not; or, through a proxy, it holds a forbidden address.
        """
        host = host_of(url)
        if not host or host == self._host or host in self._allowed:
            return
        if url[:5].lower() == "http:" and not self._is_http and not is_loopback(url):
            raise Refused(_sentence(host, f"{host} would be asked over plain http, and the URL you typed is https"))
        if host in METADATA_NAMES:
            raise Refused(_sentence(host, f"{host} is the name of a cloud metadata service"))
        literal = _literal(host)
        if proxied and literal is not None:
            self.permitted(host, [str(literal)])

    def permitted(self, host: str, addresses: Sequence[str]) -> list[str]:
        """Those of a host's addresses that may be connected to.

        Raises:
            Refused: there are addresses, but none of them may be.
        """
        host = _plain(host)
        read = [(address, ipaddress.ip_address(address)) for address in addresses]
        if host == self._host and self._kinds is None:
            self._kinds = frozenset(kind_of(one) for _, one in read)  # the first look-up settles it, no later one
        if host in self._allowed:
            return list(addresses)
        kept = [address for address, one in read if self._is_permitted(host, one)]
        if addresses and not kept:
            kind = kind_of(read[0][1])
            is_literal = _literal(host) is not None
            what = (
                f"{host} is a {kind} address" if is_literal else f"{host} resolves to the {kind} address {read[0][1]}"
            )
            raise Refused(_sentence(host, what))
        return kept

    def _is_permitted(self, host: str, address: Address) -> bool:
        kind = kind_of(address)
        if kind == PUBLIC or str(address) in self._allowed:
            return True
        return kind in (self._kinds or ()) and (kind != METADATA or host == self._host)


def kind_of(address: Address) -> str:
    """What sort of address this is, in a word that a sentence can take; an IPv4 address inside an IPv6 one counts."""
    address = _inner(address)
    if address in METADATA_ADDRESSES:
        return METADATA
    flags = (
        (address.is_unspecified, "unspecified"),
        (address.is_loopback, LOOPBACK),
        (address.is_link_local, "link-local"),
        (address.is_multicast, "multicast"),
        (any(address in network for network in _PRIVATE_NETWORKS), PRIVATE),
        (not address.is_global, "reserved"),
    )
    return next((kind for holds, kind in flags if holds), PUBLIC)


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for (mapped, compatible, 6to4, NAT64); a zone is dropped."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    address = ipaddress.IPv6Address(int(address))
    embedded = address.ipv4_mapped or address.sixtofour
    if embedded is not None:
        return embedded
    is_compatible = 1 < int(address) < 2**32
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if is_compatible or address in _NAT64 else address


def host_of(url: str) -> str:
    """The host of a URL as it is connected to: lower case, ASCII, without brackets; empty for no http(s) URL."""
    parts = split(url)
    if parts is None:
        return ""
    try:
        return _plain(httpx.URL(parts.origin).raw_host.decode("ascii"))
    except (httpx.InvalidURL, ValueError):
        return ""


def _plain(host: str) -> str:
    return host.lower().removesuffix(".")


def _literal(host: str) -> Address | None:
    """The address that a host is, also in the old ways of writing (127.1, 0x7f000001); None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host)) if host[-1:].isalnum() else None
    except (OSError, ValueError):
        return None


def _hosts(given: object) -> frozenset[str]:
    expected, mend = "host names and IP addresses, without scheme and port", "allow_hosts=('idp.internal', '10.0.0.5')"
    if isinstance(given, str) or not isinstance(given, Collection):
        raise BadSetting("allow_hosts", f"a {type(given).__name__}", f"several {expected}", mend)
    hosts = [_named(entry) for entry in given]
    if not all(hosts):
        raise BadSetting("allow_hosts", "an entry that is no host", expected, mend)
    return frozenset(hosts)


def _named(entry: object) -> str:
    """An entry as a host; empty where it is anything else, such as a host with a port."""
    text = entry.removeprefix("[").removesuffix("]") if isinstance(entry, str) else ""
    if ":" in text:
        literal = _literal(text)
        return str(literal) if literal is not None else ""
    return "" if any(mark in text for mark in "/?#@%*\\ ") else host_of(f"http://{text}/")


def _sentence(host: str, what: str) -> str:
    return (
        f"{what}; a server named this URL, so nothing was sent there. "
        f"Where it is right, allow the host by name: allow_hosts=({host!r},)"
    )
