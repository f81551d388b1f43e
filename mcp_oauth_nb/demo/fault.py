"""What a fault is, and the three ways to write one.

Three kinds, one decorator each:

- `@answers(...)` changes the answer of one place: `(Asked, Answer) -> Answer`;
- `@instead(...)` answers before the server sees the request: `(Asked) -> Answer | None`, None lets it through;
- `@behaves(...)` changes what the authorization server does: `(Behaviour) -> Behaviour`.

A place is a path, or several, with `*` as wildcard. `phase` is the step in which the fault shows, `trips` the rule that
must lead the diagnosis. An `Answer` can also be late, cut short, dropped or never come (`delay_s`, `delivery`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from types import MappingProxyType

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
    "refresh",
    "replay",
    "revoke",
    "revoked",
)

Patch = Callable[[Asked, Answer], Answer]
Reply = Callable[[Asked], Answer | None]
Change = Callable[[Behaviour], Behaviour]


@dataclass(frozen=True)
class Fault:
    """One way in which the server can be wrong."""

    name: str
    phase: str
    """The step in which it shows."""
    summary: str
    """One sentence: what is broken."""
    trips: str
    """The id of the rule that must find it."""
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
"""Every fault by its name, in the order of the flow; `faults` fills it."""


def named(name: str) -> Fault:
    """The fault of this name.

    Raises:
        ValueError: there is none; the message lists the names.
    """
    if name in FAULTS:
        return FAULTS[name]
    close = get_close_matches(name, FAULTS, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"There is no fault {name!r}.{hint} The names are: {', '.join(FAULTS)}.")


def _keep(fault: Fault) -> None:
    if fault.name in _faults or fault.phase not in PHASES:
        raise ValueError(f"fault {fault.name!r} is there twice or has no known phase")
    _faults[fault.name] = fault


def answers(name: str, *places: str, phase: str, summary: str, trips: str) -> Callable[[Patch], Patch]:
    """Register a fault that changes an answer."""

    def keep(patch: Patch) -> Patch:
        _keep(Fault(name, phase, summary, trips, places, patch=patch))
        return patch

    return keep


def instead(name: str, *places: str, phase: str, summary: str, trips: str) -> Callable[[Reply], Reply]:
    """Register a fault that answers in place of the server."""

    def keep(reply: Reply) -> Reply:
        _keep(Fault(name, phase, summary, trips, places, reply=reply))
        return reply

    return keep


def behaves(name: str, *, phase: str, summary: str, trips: str) -> Callable[[Change], Change]:
    """Register a fault of what the authorization server does."""

    def keep(change: Change) -> Change:
        _keep(Fault(name, phase, summary, trips, behaviour=change(Behaviour())))
        return change

    return keep
