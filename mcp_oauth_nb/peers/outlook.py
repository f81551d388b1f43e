"""What came of playing clients on a recording: an `Outlook` for each, and all of them side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from mcp_oauth_nb.mime import Framed
from mcp_oauth_nb.peers.continuing import Continuing
from mcp_oauth_nb.peers.recorded import NotRecorded, Recording
from mcp_oauth_nb.peers.rows import Peer, Row
from mcp_oauth_nb.peers.walk import Asked, Decision, Stops
from mcp_oauth_nb.records import Trace

Fate = Literal["gets through", "stops", "unknown"]

POINTS: dict[str, tuple[str, ...]] = {
    "resource metadata": ("challenge", "resource metadata at", "path of the location", "resource metadata, next",
                          "no resource metadata", "redirects", "no answer", "documents"),
    "resource": ("resource", "resource, when"),
    "server metadata": ("server metadata at", "server metadata of the origin at", "server metadata, next",
                        "OpenID document", "no server metadata"),
    "issuer": ("issuer",),
    "S256": ("S256", "S256, when", "response types"),
    "registration": ("registration", "no registration_endpoint"),
    "scope": ("scope", "offline_access"),
    "resource parameter": ("resource parameter",),
    "iss": ("iss",),
    "token endpoint": ("token endpoint",),
    "authentication": ("authentication",),
    "with the token": ("token type",),
    "403 insufficient_scope": ("403 insufficient_scope",),
    "refresh": ("refresh",),
}  # fmt: skip
"""The decision points in the order shown, with the behaviours that decide each."""
HARMLESS = ("scope",)
"""Points that stop nobody by themselves."""


@dataclass(frozen=True, repr=False)
class Outlook:
    """What one client would do.

    Attributes:
        peer: the client.
        asked: the requests it would send up to the registration, in order, each with the recorded answer.
        decisions: one for each of `POINTS`.
    """

    peer: Peer
    asked: tuple[Asked, ...]
    decisions: tuple[Decision, ...]

    def __repr__(self) -> str:
        return f"<Outlook of {self.peer}: {self.fate}>"

    @property
    def stop(self) -> Decision | None:
        """Where it stops; None where it is not known to."""
        return next((one for one in self.decisions if one.outcome == "stops"), None)

    @property
    def open(self) -> Decision | None:
        """The first point that the recording leaves open; None where there is none."""
        return next((one for one in self.decisions if one.outcome == "unknown" and one.point not in HARMLESS), None)

    @property
    def fate(self) -> Fate:
        """What comes of it: ``gets through``, ``stops``, or ``unknown`` where the recording leaves a point open."""
        return "stops" if self.stop else "unknown" if self.open else "gets through"

    def at(self, point: str) -> Decision:
        """The decision at a point."""
        return next(one for one in self.decisions if one.point == point)

    def rows(self, point: str) -> tuple[Row, ...]:
        """The rows that decide a point."""
        return tuple(self.peer.row(behaviour) for behaviour in POINTS[point])


@dataclass(frozen=True, repr=False)
class Outlooks(Framed):
    """What each client would do with the server of a recording: who gets through, who stops, where and why.

    Shown as a matrix of decision points and clients; ``.frame`` has a row per point and client.

    Attributes:
        trace: the recording.
        each: one `Outlook` for each client.
    """

    trace: Trace = field(repr=False)
    each: tuple[Outlook, ...] = ()

    def __repr__(self) -> str:
        counted = ", ".join(f"{self.count(fate)} {fate}" for fate in ("gets through", "stops", "unknown"))
        return f"<Outlooks of {len(self.each)} clients: {counted}>"

    def count(self, fate: str) -> int:
        """How many clients have this fate."""
        return sum(one.fate == fate for one in self.each)

    def __getitem__(self, name: str) -> Outlook:
        """The outlook of a client by its name, or name and version."""
        return next(one for one in self.each if name in (one.peer.name, str(one.peer)))


def outlooks(trace: Trace, peers: Iterable[Peer]) -> Outlooks:
    """Play every client on what a trace knows of its server."""
    recording = Recording(trace)
    return Outlooks(trace, tuple(outlook(peer, recording) for peer in peers))


def outlook(peer: Peer, recording: Recording) -> Outlook:
    """Play one client on a recording."""
    walk = Continuing(peer, recording)
    point = "resource metadata"
    try:
        if recording.challenge is None:
            raise NotRecorded("a request without a token that is answered with 401")
        for name, play in _route(walk):
            point = name
            play()
    except Stops as stop:
        walk.decide(stop.point, "stops", stop.why, stop.message)
    except NotRecorded as missing:
        walk.decide(point, "unknown", f"the recording does not show {missing.request}")
    told = {one.point: one for one in walk.decisions}
    left = (told.get(point) or Decision(point, "not reached", "") for point in POINTS)
    return Outlook(peer, tuple(walk.asked), tuple(left))


def _route(walk: Continuing) -> Iterator[tuple[str, Callable[[], None]]]:
    late = walk.does("resource, when", "after the server metadata")
    after = walk.does("S256, when", "after registering")
    yield "resource metadata", walk.resource_metadata
    if not late:
        yield "resource", walk.check_resource
    yield "server metadata", walk.server_metadata
    if late:
        yield "resource", walk.check_resource
    if not after:
        yield "S256", walk.s256
    yield "registration", walk.registration
    if after:
        yield "S256", walk.s256
    yield "scope", walk.scope
    yield "resource parameter", walk.resource_parameter
    yield "iss", walk.iss
    yield "token endpoint", walk.token_endpoint
    yield "with the token", walk.outcome
    yield "authentication", walk.later
