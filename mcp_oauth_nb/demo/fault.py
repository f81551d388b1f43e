"""What a fault is, and the ways to write one.

Three kinds of server fault, one decorator each, and one of the client's:

- `@answers(...)` changes the answer of one place: `(Asked, Answer) -> Answer`;
- `@instead(...)` answers before the server sees the request: `(Asked) -> Answer | None`, None lets it through;
- `@behaves(...)` changes what the authorization server does: `(Behaviour) -> Behaviour`;
- `asked_wrongly(...)` leaves the server healthy: what is asked of it is wrong.

A place is a path, or several, with `*` as wildcard. `phase` is the step in which the fault shows, `trips` the rule that
must lead the diagnosis, `cause` what it must name behind it, `who` the party that must act. An `Answer` can also be
late, cut short, dropped or never come (`delay_s`, `delivery`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, TypedDict, Unpack

from .answers import Answer, Asked
from .grants import Behaviour

PHASES = (
    "challenge",
    "resource_metadata",
    "server_metadata",
    "register",
    "authorize",
    "callback",
    "token",
    "mcp",
    "call",
    "refresh",
    "replay",
    "revoke",
    "revoked",
    "without_token",
    "garbage_token",
    "malformed_authorization",
    "wrong_scheme_case",
    "token_in_query",
    "token_elsewhere",
    "session_only",
    "origin",
    "slash",
    "accept",
    "get_stream",
    "post_get",
    "get_and_delete",
    "unknown_version",
    "unknown_method",
    "wrong_audience",
    "http_redirect_registration",
    "unregistered_redirect",
    "wrong_verifier",
    "introspect_anonymous",
    "code_replay",
)

THEN: Mapping[str, tuple[str, ...]] = {
    "refresh": ("refresh",),
    "replay": ("refresh", "replay"),
    "revoke": ("revoke",),
    "revoked": ("revoke", "revoked"),
}
"""What has to be called behind the main flow for a fault of this phase to show."""

Patch = Callable[[Asked, Answer], Answer]
Reply = Callable[[Asked], Answer | None]
Change = Callable[[Behaviour], Behaviour]


@dataclass(frozen=True)
class Fault:
    """One way in which the server, or the one who asks it, can be wrong."""

    name: str
    phase: str
    """The step in which it shows."""
    summary: str
    """One sentence: what is broken."""
    trips: str
    """The id of the rule that must find it."""
    cause: str
    """The id of the cause that the diagnosis must name; that of the rule where the rule says it all."""
    who: str
    """Who must act."""
    caused_in: str
    """The step in which the mistake was made."""
    how: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Arguments of a debugger with which it shows; empty where it shows by itself. ``{origin}`` is the server's."""
    edits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    """Changes to the requests of steps with which it shows, by the step's name."""
    then: tuple[str, ...] = ()
    """The calls behind the main flow with which it shows, such as ``refresh``."""
    also: tuple[str, ...] = ()
    """Further rules that are broken by the same mistake."""
    places: tuple[str, ...] = field(default=(), repr=False)
    """Paths whose requests it touches; none for a fault of behaviour."""
    patch: Patch | None = field(default=None, repr=False)
    reply: Reply | None = field(default=None, repr=False)
    behaviour: Behaviour = field(default=Behaviour(), repr=False)

    def touches(self, path: str) -> bool:
        """Whether requests to this path are affected."""
        return any(fnmatchcase(path, place) for place in self.places)


_faults: dict[str, Fault] = {}
FAULTS: Mapping[str, Fault] = MappingProxyType(_faults)
"""Every fault by its name; `faults` fills it, and puts it into the order of the flow."""


def named(name: str) -> Fault:
    """The fault of this name.

    Raises:
        ValueError: there is none; the message lists the names.
    """
    if not isinstance(name, str):
        raise ValueError(f"fault: got {name!r}; expected the name of one, such as 'no-s256', or None for none.")
    if name in FAULTS:
        return FAULTS[name]
    close = get_close_matches(name, FAULTS, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"There is no fault {name!r}.{hint} The names are: {', '.join(FAULTS)}.")


class Told(TypedDict, total=False):
    """What a fault may say of itself beside its name, phase, summary and rule."""

    cause: str
    caused_in: str
    how: Mapping[str, Any]
    edits: Mapping[str, Mapping[str, Any]]
    then: tuple[str, ...]
    also: tuple[str, ...]
    behaviour: Behaviour


def _keep(fault: Fault) -> None:
    if fault.name in _faults or fault.phase not in PHASES:
        raise ValueError(f"fault {fault.name!r} is there twice or has no known phase")
    _faults[fault.name] = replace(
        fault,
        cause=fault.cause or fault.trips,
        caused_in=fault.caused_in or fault.phase,
        then=fault.then or THEN.get(fault.phase, ()),
    )


def in_order() -> None:
    """Put the faults into the order of the flow; those of one step stay as they were declared."""
    ordered = sorted(_faults.items(), key=lambda item: PHASES.index(item[1].phase))
    _faults.clear()
    _faults.update(ordered)


def _told(name: str, phase: str, summary: str, trips: str, who: str, told: Told) -> Fault:
    return Fault(name, phase, summary, trips, **{"cause": "", "caused_in": "", **told}, who=who)  # type: ignore[arg-type]


def answers(
    name: str, *places: str, phase: str, summary: str, trips: str, who: str, **told: Unpack[Told]
) -> Callable[[Patch], Patch]:
    """Register a fault that changes an answer."""

    def keep(patch: Patch) -> Patch:
        _keep(replace(_told(name, phase, summary, trips, who, told), places=places, patch=patch))
        return patch

    return keep


def instead(
    name: str, *places: str, phase: str, summary: str, trips: str, who: str, **told: Unpack[Told]
) -> Callable[[Reply], Reply]:
    """Register a fault that answers in place of the server."""

    def keep(reply: Reply) -> Reply:
        _keep(replace(_told(name, phase, summary, trips, who, told), places=places, reply=reply))
        return reply

    return keep


def behaves(
    name: str, *, phase: str, summary: str, trips: str, who: str, **told: Unpack[Told]
) -> Callable[[Change], Change]:
    """Register a fault of what the authorization server does."""

    def keep(change: Change) -> Change:
        _keep(replace(_told(name, phase, summary, trips, who, told), behaviour=change(Behaviour())))
        return change

    return keep


def asked_wrongly(name: str, *, phase: str, summary: str, trips: str, who: str, **told: Unpack[Told]) -> None:
    """Register a fault of the one who asks: the server is healthy, `how` and `edits` say what is asked wrongly."""
    _keep(_told(name, phase, summary, trips, who, told))
