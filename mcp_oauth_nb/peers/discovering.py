"""The points at which a client looks for metadata and checks it: where, in which order, and what stops it."""

from __future__ import annotations

import json

from mcp_oauth_nb.peers.documents import refused
from mcp_oauth_nb.peers.recorded import spelled, written
from mcp_oauth_nb.peers.walk import Members, Stops, Walk
from mcp_oauth_nb.protocol.resource import resource_match
from mcp_oauth_nb.protocol.wellknown import (
    PROTECTED_RESOURCE,
    resource_metadata_candidates,
    same_origin,
    server_metadata_candidates,
    split,
)
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import texts


class Discovering(Walk):
    """A client on its way to the metadata."""

    # -- protected resource metadata ------------------------------------------------------------------------------

    def resource_urls(self) -> tuple[str, ...]:
        """Where it looks for the protected resource metadata, in its order."""
        if self.does("resource metadata at", "none"):
            return ()
        named = self.named()
        if named is not None and self.does("resource metadata at", "challenge or well-known"):
            return (named,)
        return (*((named,) if named else ()), *self._well_known())

    def _well_known(self) -> tuple[str, ...]:
        how, parts = self.peer.does("path of the location"), split(self.recording.url)
        if parts is None or how == "RFC 9728":
            return tuple(one.url for one in resource_metadata_candidates(self.recording.url))
        root = parts.origin + PROTECTED_RESOURCE
        path = parts.path if parts.path != "/" else ""
        if how == "as typed":
            return (root + path, root) if path else (root,)
        first = root + path.removesuffix("/") + parts.query
        return (first, root) if path else (first,)

    def resource_metadata(self) -> None:
        """Ask for the protected resource metadata, and decide what to do without it."""
        point, gave_up, urls = "resource metadata", "", self.resource_urls()
        for url in urls:
            came = self.get(point, url)
            document = self.document(came, "resource") if came is not None else None
            if document is not None:
                self.resource = document
                self.decide(point, "ok", f"takes the document of {self.asked[-1].url}")
                return
            if came is not None and ((came.status or 0) >= 500 or came.status == 429):
                gave_up = str(came.status)
            if came is not None and not self._goes_to_root(came, url):
                break
        self._without_resource_metadata(point, gave_up)

    def _goes_to_root(self, came: Exchange, url: str) -> bool:
        how, status = self.peer.does("resource metadata, next"), came.status or 0
        if how == "anything":
            return True
        if url == self.named() or 200 <= status < 300:
            return False
        return _below(how, status)

    def _without_resource_metadata(self, point: str, gave_up: str) -> None:
        how = self.peer.does("no resource metadata")
        if how == "stops" and not self.does("resource metadata at", "none"):
            raise Stops(point, "no protected resource metadata is found", "")
        if how == "origin unless 5xx" and gave_up:
            raise Stops(
                point,
                f"a location answered {gave_up}",
                f"OAuthFlowError: Protected resource metadata request failed: HTTP {gave_up}",
            )
        asked = "asks for none" if self.does("resource metadata at", "none") else "finds none"
        self.decide(point, "ok", f"{asked} and takes the origin of the MCP server for the authorization server")

    def check_resource(self) -> None:
        """Whether the document is about this MCP server."""
        point, url = "resource", self.recording.url
        if self.resource is None:
            self.decide(point, "told", "there is no document to check")
            return
        named = self.resource.get("resource")
        named = named if isinstance(named, str) else ""
        shown = named if self.exact else spelled(named)
        if not self._covers(named):
            libraries = {"pydantic": "OAuthFlowError: Protected resource {} does not match expected {}",
                         "zod": "Error: Protected resource {} does not match expected {} (or origin)"}  # fmt: skip
            message = libraries.get(self.peer.does("documents"), "").format(shown, url)
            raise Stops(point, f"resource is {named or 'missing'}, and the MCP server {url}", message)
        servers = texts(self.resource.get("authorization_servers"))
        if not servers and self.does("no resource metadata", "stops"):
            raise Stops(point, "the document names no authorization server", "")
        self.decide(point, "ok", f"takes {shown}")

    def _covers(self, named: str) -> bool:
        how, url = self.peer.does("resource"), self.recording.url
        if how == "same or parent":
            identifier = next((one.identifier for one in resource_metadata_candidates(url)
                               if self.asked and one.url == self.asked[-1].url), url)  # fmt: skip
            return resource_match(named, identifier, url) != "other"
        ours, theirs = split(written(url)), split(written(named))
        if ours is None or theirs is None or not same_origin(url, named):
            return False
        if how == "covers, not longer" and len(ours.path) < len(theirs.path):
            return False
        return f"{ours.path.removesuffix('/')}/".startswith(f"{theirs.path.removesuffix('/')}/")

    # -- authorization server metadata ----------------------------------------------------------------------------

    def server_urls(self) -> tuple[tuple[str, str], ...]:
        """Where it looks for the authorization server metadata: URL and how it is built."""
        named = texts((self.resource or {}).get("authorization_servers"))
        parts = split(self.recording.url)
        origin = parts.origin if parts else ""
        if named:
            self.issuer, how = named[0] if self.exact else spelled(named[0]), self.peer.does("server metadata at")
        else:
            self.issuer = f"{origin}/" if self.does("documents", "zod") else origin
            how = self.peer.does("server metadata of the origin at")
        found = server_metadata_candidates(self.issuer)
        return tuple((one.url, one.kind) for one in found if how != "RFC 8414" or one.kind.startswith("rfc8414"))

    def server_metadata(self) -> None:
        """Ask for the authorization server metadata, check whose it is, and decide what to do without it."""
        point, last, misnamed = "server metadata", 0, ""
        for url, kind in self.server_urls():
            came = self.get(point, url)
            if came is None:
                continue
            last = came.status or 0
            document = self.document(came, "oidc" if kind.startswith("oidc") else "server")
            if document is None and self.does("OpenID document", "either, asked beforehand"):
                document = self._beforehand(point, came, kind)
            if document is not None and (self._is_issuer(document) or self._turned_down(document)):
                self.server = document
                self.decide(point, "ok", f"takes the document of {self.asked[-1].url}")
                self.decide("issuer", "ok", "not checked" if self.does("issuer", "not checked") else "is the one meant")
                return
            misnamed = misnamed or (str(document.get("issuer")) if document is not None else "")
            if document is None and not self._looks_further(point, came, kind):
                break
        self._without_server_metadata(point, last, misnamed)

    def _beforehand(self, point: str, came: Exchange, kind: str) -> Members | None:
        """A document for OAuth alone at a location of OpenID Connect Discovery, looked for before its turn."""
        if not kind.startswith("rfc8414") or not _below("4xx or 502", came.status or 0):
            return None
        for url, other in self.server_urls():
            if not other.startswith("oidc"):
                continue
            found = self.get(point, url)
            if found is None or not (found.status == 200 or _below("4xx or 502", found.status or 0)):
                return None
            if found.status == 200:
                document = self.document(found, "server")
                return document if document is not None and refused(document, self.library, "oidc") else None
        return None

    def _is_issuer(self, document: Members) -> bool:
        how, named, legacy = self.peer.does("issuer"), document.get("issuer"), self.resource is None
        if how == "not checked" or not isinstance(named, str):
            return how == "not checked"
        if how == "equal" and not self.exact:
            named = spelled(named)
        if how == "equal" and legacy and named == f"{self.issuer}/":
            return True
        lacks = how == "equal or no last slash" and self.issuer.endswith("/") and named == self.issuer[:-1]
        return named == self.issuer or lacks

    def _turned_down(self, document: Members) -> bool:
        """False where the client looks for another document; it stops where it does not."""
        if self.does("issuer", "equal, else next"):
            return False
        named, wanted = document.get("issuer"), self.issuer
        if self.does("issuer", "equal"):
            message = "OAuthFlowError: Authorization server metadata issuer mismatch: "
            message += f"{spelled(str(named))} != {wanted}"
        else:
            message = "IssuerMismatchError: Issuer mismatch in authorization server metadata (RFC 8414 §3.3): "
            message += f"expected {json.dumps(wanted)}, received {json.dumps(named)}"
        self.decide("server metadata", "ok", f"finds the document of {self.asked[-1].url}")
        raise Stops("issuer", f"issuer is {named}, and {wanted} was asked for", message)

    def _looks_further(self, point: str, came: Exchange, kind: str) -> bool:
        how, status = self.peer.does("server metadata, next"), came.status or 0
        if how == "anything":
            return True
        if how == "below 500 or no document":
            return status == 200 or 300 <= status < 500
        if 200 <= status < 300:
            problem, what = self.problem(came, "oidc" if kind.startswith("oidc") else "server")
            raise Stops(point, f"{self.asked[-1].url} gave {problem}", what)
        if _below(how, status):
            return True
        name = "OpenID provider" if kind.startswith("oidc") else "OAuth"
        message = f"Error: HTTP {status} trying to load {name} metadata from {self.asked[-1].url}"
        raise Stops(point, f"{self.asked[-1].url} answered {status}", message)

    def _without_server_metadata(self, point: str, last: int, misnamed: str) -> None:
        how = self.peer.does("no server metadata")
        if misnamed:
            raise Stops("issuer", f"issuer is {misnamed}, and {self.issuer} was asked for", "")
        if how == "stops" or (how == "paths after 404" and last != 404):
            raise Stops(point, "no authorization server metadata is found", "")
        self.decide(point, "ok", f"finds none and goes on with {self.base}/authorize, /token and /register")
        self.decide("issuer", "told", "there is no document to check")

    @property
    def base(self) -> str:
        """The origin whose default paths it takes without metadata."""
        parts = split(self.recording.url if self.does("no server metadata", "paths of the MCP server") else self.issuer)
        return parts.origin if parts else ""


def _below(how: str, status: int) -> bool:
    if how == "4xx or 502":
        return 400 <= status < 500 or status == 502
    return status < 500 or (how == "below 500 or 502" and status == 502)
