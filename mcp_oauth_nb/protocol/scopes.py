"""Which scopes there are, by whom they are named, and which of them are asked for.

MCP says from 2025-11-25 on in which order a client picks them: what the challenge asks for; else everything that the
protected resource metadata lists; else none. Earlier versions say nothing about it, and the same order is taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mcp_oauth_nb.protocol.flow import Document, Flow

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ScopeSets:
    """Every set of scopes that a flow has come across. None stands for "not said", an empty text for "none at all".

    Attributes:
        challenged: ``scope`` of the challenge to the request without a token.
        resource_listed: ``scopes_supported`` of the protected resource metadata.
        server_listed: ``scopes_supported`` of the authorization server metadata; what it knows, not what to ask for.
        setting: what the user chose; an empty text sends no scope.
        registered: ``scope`` of the registration.
        stepped_up: what a later 403 made the client ask for.
        requested: what the authorization request really carried.
        granted: ``scope`` of the token answer.
    """

    challenged: str | None = None
    resource_listed: tuple[str, ...] | None = None
    server_listed: tuple[str, ...] | None = None
    setting: str | None = None
    registered: str | None = None
    stepped_up: str | None = None
    requested: str | None = None
    granted: str | None = None

    @property
    def wanted(self) -> str | None:
        """The scope to ask for; None where no scope is sent."""
        return self._choice[0]

    @property
    def why(self) -> str:
        """Which of the sets was taken, and why that one."""
        return self._choice[1]

    @property
    def _choice(self) -> tuple[str | None, str]:
        if self.stepped_up is not None:
            return self.stepped_up, "the server asked for more (403 insufficient_scope)"
        if self.setting is not None:
            return self.setting or None, "the user's setting goes first"
        if self.challenged:
            return self.challenged, "the challenge asks for it"
        if self.resource_listed:
            return " ".join(self.resource_listed), "the challenge names none: all that the resource metadata lists"
        return None, "neither the challenge nor the resource metadata names one: none is sent"

    def rows(self, *, first_asked_in: str = "2025-11-25", version: str = "") -> Pairs:
        """The sets that were named, in the order in which they came up, and the choice among them.

        Args:
            first_asked_in: the version that says in which order to choose.
            version: the one in force; where it is older, the reason says whose order was taken.
        """
        sets: tuple[tuple[str, str | None], ...] = (
            ("scope in the challenge", self.challenged),
            ("scopes of the resource metadata", _joined(self.resource_listed)),
            ("scopes of the authorization server", _joined(self.server_listed)),
            ("scope of the settings", self.setting),
            ("scope registered", self.registered),
            ("scope of the step-up", self.stepped_up),
            ("scope requested", self.requested),
            ("scope granted", self._granted()),
        )
        order = f"; the order of MCP {first_asked_in}" if version and version < first_asked_in else ""
        named = tuple((name, value or "(none)") for name, value in sets if value is not None)
        edited = self.requested is not None and self.requested != (self.wanted or "")
        why = "it was changed by hand in this request" if edited else self.why + order
        return (*named, ("scope chosen because", why))

    def _granted(self) -> str | None:
        """With what was asked for and not granted (RFC 6749 3.3: a server may grant less, and then must say so)."""
        if self.granted is None:
            return None
        missing = [one for one in (self.requested or "").split() if one not in self.granted.split()]
        return self.granted + (f" (not granted: {' '.join(missing)})" if missing else "")


def _joined(listed: Iterable[str] | None) -> str | None:
    return None if listed is None else " ".join(listed)


def scope_sets(flow: Flow) -> ScopeSets:
    """The sets as they stand in what a flow has learned so far."""
    bearer = flow.challenge.challenges.bearer() if flow.challenge else None
    return ScopeSets(
        challenged=bearer.get("scope") if bearer else None,
        resource_listed=_listed(flow.resource_metadata),
        server_listed=_listed(flow.server_metadata),
        setting=flow.settings.scope,
        registered=flow.client.scope if flow.client else None,
        stepped_up=flow.step_up_scope,
        requested=flow.authorization.scope if flow.authorization else None,
        granted=flow.tokens.scope if flow.tokens else None,
    )


def _listed(document: Document | None) -> tuple[str, ...] | None:
    return document.texts("scopes_supported") if document and "scopes_supported" in document.value else None
