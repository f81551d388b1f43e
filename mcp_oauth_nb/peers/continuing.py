"""The points of the flow behind the metadata: client id, authorization request, redirect, token, and what comes later.

The requests of another client differ from the recorded ones, so that a refusal in the recording leaves open how this
client would fare; only what it says of the server is used.
"""

from __future__ import annotations

from mcp_oauth_nb.peers.discovering import Discovering
from mcp_oauth_nb.peers.documents import refused
from mcp_oauth_nb.peers.recorded import written
from mcp_oauth_nb.peers.rows import NOT_KNOWN
from mcp_oauth_nb.peers.walk import Asked, Members, Stops
from mcp_oauth_nb.protocol.wellknown import is_loopback
from mcp_oauth_nb.rules.evidence import text, texts

_NO_DCR = "Error: Incompatible auth server: does not support dynamic client registration"
_NO_S256 = "Error: Incompatible auth server: does not support code challenge method S256"
_NO_CODE = "Error: Incompatible auth server: does not support response type code"
_WITH_SECRET = ("client_secret_basic", "client_secret_post")


class Continuing(Discovering):
    """A client on its way from the metadata to the token."""

    def endpoint(self, name: str) -> str:
        """An endpoint: that of the metadata, else the default path."""
        if self.server is None:
            return f"{self.base}/{ {'authorization': 'authorize', 'registration': 'register'}.get(name, name) }"
        return text(self.server.get(f"{name}_endpoint")) or ""

    def s256(self) -> None:
        """Whether it goes on with PKCE, and with the response type ``code``."""
        point, zod = "S256", self.does("documents", "zod")
        if self.server is None:
            self.decide(point, "told", "there is no document to check")
            return
        listed = self.server.get("code_challenge_methods_supported")
        types = texts(self.server.get("response_types_supported"))
        if self.does("response types", "code") and "code" not in types:
            raise Stops(point, "response_types_supported lacks code", _NO_CODE)
        lacks = "S256" not in texts(listed)
        if lacks and (
            self.does("S256", "must be listed") or (self.does("S256", "if there is a list") and listed is not None)
        ):
            why = "code_challenge_methods_supported lacks S256" if listed is not None else "S256 is not advertised"
            raise Stops(point, why, _NO_S256 if zod else "")
        self.decide(point, "ok", "goes on although S256 is not advertised" if lacks else "S256 is advertised")

    def registration(self) -> None:
        """How it comes to a client id."""
        point, url = "registration", self.endpoint("registration")
        if not url and self.does("no registration_endpoint", "stops"):
            raise Stops(point, "no registration_endpoint", _NO_DCR if self.does("documents", "zod") else "")
        url = url or f"{self.base}/register"
        came = self.recording.posted(url)
        said = str(came.status) if came and came.response else ""
        self.asked.append(Asked("POST", written(url), said or "not in the recording"))
        takes = (self.server or {}).get("client_id_metadata_document_supported") is True
        known = self.does("registration", "document or dynamic")
        first = "; a client ID metadata document, where it has one, comes before" if takes and known else ""
        if came is not None and came.status in (200, 201) and self._is_usable(came.document or {}):
            self.decide(point, "ok", f"registers at {written(url)}{first}")
            return
        what = (
            f"the recorded registration there ended with {said or 'no answer'}" if came else "nobody registered there"
        )
        if came is not None and came.status in (200, 201):
            what = "with what the recorded registration answered it could not go on"
        self.decide(point, "unknown", f"registers at {written(url)}; {what}{first}")

    def _is_usable(self, client: Members) -> bool:
        """Whether this client could go on as the one that was registered (RFC 7591 3.2.1)."""
        method, secret = client.get("token_endpoint_auth_method"), client.get("client_secret")
        if not isinstance(client.get("client_id"), str) or refused(client, self.library, "client"):
            return False
        return not self.does("authentication", "as registered") or (
            method in (None, "", "none") or (method in _WITH_SECRET and bool(secret))
        )

    def scope(self) -> None:
        """The scope that it asks for."""
        if self.peer.does("scope") == NOT_KNOWN:
            self.decide("scope", "unknown", NOT_KNOWN)
            return
        chosen = self._chosen()
        offered = "offline_access" in texts((self.server or {}).get("scopes_supported"))
        if chosen and offered and self.does("offline_access", "added") and "offline_access" not in chosen.split():
            chosen += " offline_access"
        self.decide("scope", "ok", chosen or "none")

    def _chosen(self) -> str:
        how, challenged = self.peer.does("scope"), self.of_challenge("scope")
        if challenged and how != "resource":
            return challenged
        listed, by_server = ((found or {}).get("scopes_supported") for found in (self.resource, self.server))
        if how == "challenge, resource, server":
            return " ".join(texts(listed if isinstance(listed, list) else by_server))
        if listed or how in ("challenge, resource", "resource") or (how == "mcp-remote" and isinstance(listed, list)):
            return " ".join(texts(listed))
        return " ".join(texts(by_server)) if isinstance(by_server, list) else "openid email profile"

    def resource_parameter(self) -> None:
        """The resource indicator that it sends."""
        self.decide("resource parameter", "ok", self.sends or "none")

    @property
    def sends(self) -> str:
        """The resource indicator; empty where it sends none."""
        how, named = self.peer.does("resource parameter"), text((self.resource or {}).get("resource"))
        if how == "none" or (named is None and how != "always"):
            return ""
        if named is None:
            return self.recording.url
        if how == "metadata as URL":
            return written(named)
        return named

    def iss(self) -> None:
        """What it makes of `iss` in the redirect (RFC 9207 2.4)."""
        point, came = "iss", self.recording.redirect
        if came is None:
            self.decide(point, "unknown", "no redirect is in the recording")
            return
        if came.get("error"):
            self.decide(point, "unknown", f"the recorded authorization ended with {came['error']}")
            return
        if "code" not in came:
            self.decide(point, "unknown", "the recorded redirect holds no code")
            return
        issuer, iss = text((self.server or {}).get("issuer")), came.get("iss")
        announced = (self.server or {}).get("authorization_response_iss_parameter_supported") is True
        if not self.does("iss", "checked"):
            self.decide(point, "ok", "not looked at")
        elif iss is not None and iss != issuer:
            raise Stops(point, f"iss is {iss}, and the issuer {issuer or 'not known'}", self._iss_message(iss, issuer))
        elif iss is None and announced:
            raise Stops(point, "the metadata announces iss, and it is missing", self._iss_message(None, issuer))
        else:
            self.decide(point, "ok", "is the issuer" if iss is not None else "there is none, and none is announced")

    def _iss_message(self, iss: str | None, issuer: str | None) -> str:
        if self.does("documents", "zod"):
            return f'IssuerMismatchError: Issuer mismatch in authorization response (RFC 9207): expected "{issuer}"'
        if self.does("documents", "objects"):
            return ""
        if iss is None:
            return "OAuthFlowError: Authorization response missing iss parameter advertised by the authorization server"
        return f"OAuthFlowError: Authorization response iss mismatch: {iss} != {issuer}"

    def token_endpoint(self) -> None:
        """Where it sends the code."""
        url = self.endpoint("token")
        secure = url.lower().startswith("https://") or is_loopback(url)
        if self.does("token endpoint", "https or this machine") and not secure:
            message = f"InsecureTokenEndpointError: Refusing to send credentials to non-https token endpoint '{url}'."
            raise Stops("token endpoint", f"{url} is neither https nor on this machine", message)
        self.decide("token endpoint", "ok", url)

    def outcome(self) -> None:
        """What the recorded flow says of the rest of the way."""
        ended, sent = self.recording.outcome, self.recording.resource
        used, chosen = self.recording.method, self.method
        kind = self.recording.token_type
        if kind is not None and kind.title() != "Bearer" and self.does("token type", "bearer"):
            raise Stops("with the token", f"token_type is {kind}", "OAuthTokenError: Invalid token response")
        if ended == "works" and (self.sends or None) != (sent or None):
            told = f"the recorded flow works with resource {sent or 'none'}, this client sends {self.sends or 'none'}"
            self.decide("with the token", "unknown", told)
        elif ended == "works" and chosen and used and chosen != used:
            told = f"the recorded client authenticated with {used}, this one would with {chosen}"
            self.decide("with the token", "unknown", told)
        elif ended == "works":
            self.decide("with the token", "ok", "the recorded flow works, with the same resource")
        elif ended == NOT_KNOWN:
            self.decide("with the token", "unknown", "no request with a token is in the recording")
        else:
            self.decide("with the token", "unknown", f"in the recorded flow {ended}")

    @property
    def method(self) -> str:
        """How it would authenticate as the client that was registered; empty where that is not known."""
        client = self.recording.registered
        if client is None:
            return ""
        method, secret = text(client.get("token_endpoint_auth_method")), text(client.get("client_secret"))
        if self.does("authentication", "as registered"):
            return method if secret and method in _WITH_SECRET else "none"
        if not self.does("authentication", "as registered if listed"):
            return ""
        listed = texts((self.server or {}).get("token_endpoint_auth_methods_supported"))
        if method in (*_WITH_SECRET, "none") and (not listed or method in listed):
            return method
        if not listed:
            return _WITH_SECRET[0] if secret else "none"
        offered = [one for one in _WITH_SECRET if secret and one in listed]
        return offered[0] if offered else "none" if "none" in listed or not secret else _WITH_SECRET[1]

    def later(self) -> None:
        """What follows from no answer: authentication as far as the registration tells it, step-up and refresh."""
        method = self.method and f"with this registration {self.method}: "
        self.decide("authentication", "told", method + self.peer.row("authentication").sentence)
        for point in ("403 insufficient_scope", "refresh"):
            self.decide(point, "told", self.peer.row(point).sentence)
