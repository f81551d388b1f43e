"""When two values of two runs are the same: equal, or made anew in the same role.

What every run makes anew (a token, a code, a state, a date, an id that a server gave out) is compared by what it is:
its kind, its length, for a JWT what it says, and whether the two runs carry it to the same places. So "another value in
the same role" is no difference; one token in two places here, and two different ones there, is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from mcp_oauth_nb.comparing.fields import Half, claims_of
from mcp_oauth_nb.comparing.hosts import Rename
from mcp_oauth_nb.fragments import looks_random
from mcp_oauth_nb.records import read_json
from mcp_oauth_nb.vault import TAG, Vault
from mcp_oauth_nb.views.comparison import ABSENT

Sort = Literal["equal", "renewed", "noise", "different"]

FRESH = ("code", "code_verifier", "state", "nonce", "request")
"""Kinds that are made for one authorization and must not come twice (RFC 6749 10.12, RFC 7636 4.1)."""
KEPT = ("client_secret",)
"""Kinds that stay from run to run, as long as the client is not registered anew."""
BY_SHAPE = ("jwt", "token", "header", "parameter", "secret")
"""Kinds that a secret is given by its looks, before a name tells more of it."""
EXACT = ("code_verifier",)
"""Kinds whose length matters by the character."""
VOLATILE = frozenset(
    """date etag last-modified age expires x-request-id x-correlation-id traceparent tracestate content-length
    x-amzn-trace-id x-amz-cf-id cf-ray cf-cache-status x-cloud-trace-context server-timing keep-alive nel
    report-to x-runtime x-ratelimit-remaining x-ratelimit-reset ratelimit-remaining ratelimit-reset dpop-nonce jti
    iat exp nbf auth_time updated_at client_id_issued_at kid jkt x5t last-event-id""".split()
)
"""Names of header fields, parameters and members whose values differ from run to run."""
NOISY = frozenset(
    """user-agent accept-encoding connection transfer-encoding vary via server x-powered-by alt-svc keep-alive date
    x-served-by x-cache x-timer x-envoy-upstream-service-time strict-transport-security set-cookie cookie""".split()
)
"""Header fields that say something of a gateway or a library at most: what differs there is listed last."""
ID_NAME = re.compile(r"(?:^|[-_.])(?:id|uuid|guid|trace|request_id|correlation|ray|span|instance)$")
SHORTEST_ID = 6
"""Characters; a shorter id stands in other words by chance."""
CLOCK_S = 5
"""Seconds by which a remaining lifetime may differ from one run to the next."""
_S256 = re.compile(r"[A-Za-z0-9_-]{43}")
_EPOCH = range(10**9, 10**11)


class Outcome(NamedTuple):
    """How two values stand to each other; `said` is empty where the two values say it all."""

    sort: Sort
    said: str = ""


class Sameness:
    """Compares the fields of two runs, and remembers which secret of one stands for which of the other.

    Args:
        vaults: the secrets of the two runs.
        renames: what puts the name of its part in the place of a host.
        names: what the runs are called.
        one_run: both are the same run, such as a live one and the file it was saved to.

    Attributes:
        keyed_alike: one secret has the same tag in both runs, so that two tags are two secrets.
        matched: places with one tag in both runs.
    """

    def __init__(
        self,
        vaults: tuple[Vault, Vault],
        renames: tuple[Rename, Rename],
        names: tuple[str, str],
        *,
        one_run: bool = False,
    ) -> None:
        self._vaults, self._renames, self._names = vaults, renames, names
        self._ids: tuple[dict[str, str], dict[str, str]] = ({}, {})
        self._there: tuple[dict[str, str], dict[str, str]] = ({}, {})
        self._seen_at: dict[str, str] = {}
        self._one_run = one_run
        self.keyed_alike = vaults[0] is not vaults[1] and vaults[0].shares_tags_with(vaults[1])
        self.matched = 0

    def given_out(self, what: str, ours: str, theirs: str) -> None:
        """An id that each server gave out for itself stands for the other from now on."""
        for known, value in zip(self._ids, (ours, theirs), strict=True):
            if len(value) >= SHORTEST_ID:
                known[value] = f"⟦{what}⟧"

    def plain(self, side: int, text: str) -> str:
        """A text with the names of hosts and ids in their places."""
        text = self._renames[side](text)
        for value, name in self._ids[side].items():
            text = text.replace(value, name)
        return text

    def compare(self, half: Half, part: str, ours: str, theirs: str, place: str) -> Outcome:
        """How two values of the same part of an exchange stand to each other.

        Args:
            half: where the field stands.
            part: the field, such as ``header etag`` or ``form code``.
            ours: the masked value of one run.
            theirs: that of the other.
            place: where it stands, in words.
        """
        name = part.rpartition(" ")[2].rpartition("/")[2].lower()
        one, other = self.plain(0, ours), self.plain(1, theirs)
        tags = TAG.findall(one), TAG.findall(other)
        if TAG.sub("‹›", one) == TAG.sub("‹›", other):
            return self._tags(tags[0], tags[1], place)
        if is_volatile(name, one, other):
            return Outcome("renewed")
        if bool(tags[0]) != bool(tags[1]):
            return Outcome("different", self._covered(tags))
        if _same_set(name, one, other):
            return Outcome("noise", "the same in another order")
        return Outcome("noise" if is_noisy(half, part) else "different")

    def claims(self, ours: str, theirs: str) -> Iterator[tuple[str, str, str]]:
        """Of the tokens in two values, one by one, what they say of themselves and do not say alike."""
        for one, other in zip(TAG.findall(ours), TAG.findall(theirs), strict=False):
            here, there = claims_of(one, self._vaults[0]), claims_of(other, self._vaults[1])
            if here.get("form") != there.get("form"):
                yield "form", _told(here), _told(there)
                continue
            for claim in dict.fromkeys((*here, *there)):
                a, b = here.get(claim, ABSENT), there.get(claim, ABSENT)
                alike = self.plain(0, a) == self.plain(1, b) or (claim == "lifetime_s" and _near(a, b))
                if not alike:
                    yield claim, a, b

    def _tags(self, ours: list[str], theirs: list[str], place: str) -> Outcome:
        """How the secrets in two values stand to each other; the texts around them are equal."""
        if not ours:
            return Outcome("equal")
        said = [said for one, other in zip(ours, theirs, strict=True) if (said := self._tag(one, other, place))]
        return Outcome("different", said[0]) if said else Outcome("renewed")

    def _tag(self, one: str, other: str, place: str) -> str:
        """What sets two secrets apart, in words; empty where the one stands for the other."""
        (kind, length), (other_kind, other_length) = _read(one), _read(other)
        if kind != other_kind and not {kind, other_kind} & set(BY_SHAPE):
            return f"{self._names[0]} has a {kind} there, {self._names[1]} a {other_kind}"
        if one == other and not self._one_run:
            self.matched += 1
            if kind in FRESH:
                return f"both runs have the same {kind}, which must be made anew each time"
        if one != other and self.keyed_alike and kind in KEPT and not self._ids[0]:
            return f"another {kind} of the same client"
        if _lengths_differ(kind, length, other_length) and not self._says(one, other):
            return f"{length:,} characters against {other_length:,}"
        here, there = self._there[0].setdefault(one, other), self._there[1].setdefault(other, one)
        if (here, there) == (other, one):
            self._seen_at.setdefault(one, place)
            self._seen_at.setdefault(other, place)
            return ""
        side = 0 if here != other else 1
        seen = self._seen_at.get((one, other)[side], "an earlier request")
        return f"{self._names[side]} has the {kind} of {seen} there, {self._names[1 - side]} another one"

    def _says(self, one: str, other: str) -> bool:
        """Whether one of two tokens is a JWT, so that what it says is compared rather than its length."""
        return "JWT" in (
            claims_of(tag, vault).get("form") for tag, vault in zip((one, other), self._vaults, strict=True)
        )

    def _covered(self, tags: tuple[list[str], list[str]]) -> str:
        has = 0 if tags[0] else 1
        return f"{self._names[has]} has a {_read(tags[has][0])[0]} there, {self._names[1 - has]} none"


def _told(claims: Mapping[str, str]) -> str:
    """A token in a line: its form, and what it says where it says anything."""
    return "; ".join(value if name == "form" else f"{name}: {value}" for name, value in claims.items()) or ABSENT


def is_volatile(name: str, one: str, other: str) -> bool:
    """Whether a value differs from run to run by its nature; a value that is missing in one run never does."""
    if name in VOLATILE:
        return True
    if name == "code_challenge":  # of one verifier or another, but always of one form (RFC 7636 4.2)
        return len(one) == len(other) and bool(_S256.fullmatch(one)) == bool(_S256.fullmatch(other))
    if name == "expires_in":
        return _near(one, other)
    if ID_NAME.search(name) and looks_random(one) and looks_random(other):
        return True
    return all(value.isdecimal() and len(value) < 12 and int(value) in _EPOCH for value in (one, other))


def is_noisy(half: Half, part: str) -> bool:
    """Whether a difference of this field says nothing of the authorization; what a user sends on top of it may."""
    kind, _, name = part.partition(" ")
    return kind == "header" and (name in NOISY | VOLATILE or (half == "answer" and name.startswith("x-")))


def _lengths_differ(kind: str, length: int, other: int) -> bool:
    apart = abs(length - other)
    return apart > (0 if kind in EXACT else max(4, min(length, other) // 10))


def _read(tag: str) -> tuple[str, int]:
    kind, _, rest = tag[1:-1].partition("#")
    return kind, int(rest.split(" ")[1])


def _near(one: str, other: str) -> bool:
    try:
        return abs(float(one) - float(other)) <= CLOCK_S
    except ValueError:
        return False


def _same_set(name: str, one: str, other: str) -> bool:
    """Whether two lists, or two sets of scopes, hold the same in another order."""
    a, b = read_json(one).value, read_json(other).value
    if isinstance(a, list) and isinstance(b, list):
        return sorted(map(str, a)) == sorted(map(str, b))
    return name in ("scope", "scp") and sorted(one.split()) == sorted(other.split())
