"""One client on its way through a recording: what it asks, what it takes for an answer, what it has decided so far.

A client that would stop raises `Stops`, a request that is not in the recording `NotRecorded`; what was decided before
stands in `decisions` and `asked`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mcp_oauth_nb.peers.documents import is_url, refused
from mcp_oauth_nb.peers.recorded import MOST_REDIRECTS, NotRecorded, Recording, target, written
from mcp_oauth_nb.peers.rows import Peer
from mcp_oauth_nb.records import Exchange

Outcome = Literal["ok", "stops", "unknown", "told", "not reached"]
Members = Mapping[str, Any]


class Stops(Exception):
    """The client goes no further; `message` is what its user sees."""

    def __init__(self, point: str, why: str, message: str) -> None:
        super().__init__("stops")
        self.point, self.why, self.message = point, why, message


@dataclass(frozen=True, repr=False)
class Asked:
    """One request that the client would send, with what the recording says came back."""

    method: str
    url: str
    came: str = ""


@dataclass(frozen=True, repr=False)
class Decision:
    """What the client would do at one point. `told` and `message` may hold server text."""

    point: str
    outcome: Outcome
    told: str
    message: str = ""


class Walk:
    """One client on its way."""

    def __init__(self, peer: Peer, recording: Recording) -> None:
        self.peer, self.recording = peer, recording
        self.asked: list[Asked] = []
        self.decisions: list[Decision] = []
        self.resource: Members | None = None
        self.server: Members | None = None
        self.issuer = ""
        self.exact = peer.does("documents") != "pydantic"

    def does(self, behaviour: str, value: str) -> bool:
        return self.peer.does(behaviour) == value

    def decide(self, point: str, outcome: Outcome, told: str, message: str = "") -> None:
        self.decisions.append(Decision(point, outcome, told, message))

    # -- requests -------------------------------------------------------------------------------------------------

    def get(self, point: str, url: str) -> Exchange | None:
        """The answer to a metadata request; None where a client that got none goes on."""
        for _ in range(MOST_REDIRECTS + 1):
            came = self._asked(url)
            if came.failure is not None and came.response is None:
                self._unanswered(point, url, came)
                return None
            onward = target(came, self.peer.does("redirects"))
            if onward is None:
                break
            url = onward
        return came

    def _asked(self, url: str) -> Exchange:
        try:
            came = self.recording.get(url)
        except NotRecorded:
            self.asked.append(Asked("GET", written(url), "not in the recording"))
            raise
        said = str(came.status) if came.response else f"{came.failure.kind} failure" if came.failure else ""
        self.asked.append(Asked("GET", written(url), said))
        return came

    def _unanswered(self, point: str, url: str, came: Exchange) -> None:
        kind = came.failure.kind if came.failure else "no answer"
        if self.does("no answer", "stops"):
            message = (
                "TypeError: fetch failed" if self.does("documents", "zod") else "the error of the connection itself"
            )
            raise Stops(point, f"no answer from {written(url)} ({kind})", message)
        if self.does("no answer", "bare again"):
            self._asked(url)

    # -- the challenge -------------------------------------------------------------------------------------------

    def named(self) -> str | None:
        """The metadata URL as this client reads it out of the challenge."""
        found = self.of_challenge("resource_metadata")
        return None if self.does("challenge", "bearer first") and not is_url(found) else found

    def of_challenge(self, name: str) -> str | None:
        found = self.recording.challenge
        how = self.peer.does("challenge")
        if found is None or how == "ignored":
            return None
        if how == "grammar":
            return self.recording.challenged(name)
        header = (found.response.header("www-authenticate") if found.response else "") or ""
        first, _, rest = header.partition(" ")
        if how == "bearer first" and (first.lower() != "bearer" or not rest.split(" ")[0]):
            return None
        match = re.search(rf'{name}=(?:"([^"]+)"|([^\s,]+))', header)
        return (match[1] or match[2]) if match else None

    # -- documents ------------------------------------------------------------------------------------------------

    def document(self, came: Exchange, kind: str) -> Members | None:
        """The answer as a document that this client takes; TypeScript takes any status from 200 to 299."""
        taken = (came.status or 0) // 100 == 2 if self.does("documents", "zod") else came.status == 200
        document = came.document if taken and came.failure is None else None
        marked = came.response is not None and came.response.body.startswith(codecs.BOM_UTF8)
        if document is None or (marked and self.does("documents", "pydantic")):  # its JSON parser takes no such mark
            return None
        return None if refused(document, self.library, kind) else document

    @property
    def library(self) -> str:
        """What it reads documents with, a value of the behaviour ``documents``."""
        return self.peer.does("documents")

    def problem(self, came: Exchange, kind: str) -> tuple[str, str]:
        """What is wrong with an answer that is no document, and what kind of error its user sees."""
        document = came.document
        if document is not None:
            names = ", ".join(refused(document, self.library, kind)[:4])
            return f"a document with {names} missing or of the wrong type", f"ZodError about {names}"
        problem = came.response.parsed.problem if came.response else ""
        return problem or "JSON that is no object", "SyntaxError of JSON.parse" if problem else "ZodError"

    def urls(self) -> Iterator[str]:
        """Every request so far, as ``METHOD URL``."""
        return (f"{one.method} {one.url}" for one in self.asked)
