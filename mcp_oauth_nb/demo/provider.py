"""The authorization server behind the SDK's routes: everything in memory, everything bound to a grant.

A grant is one consent: the tokens made from it, directly or by refreshing, live and die together. That is what makes
the three defences simple: a replayed code, a replayed refresh token and a revocation all end the grant
(RFC 6749 sections 4.1.2 and 10.4, RFC 9700 section 4.14.2, RFC 7009 section 2.1).
"""

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Callable, Sequence

from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    AuthorizeError,
    IdentityAssertionParams,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    RegistrationError,
    TokenError,
)
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from .answers import with_query
from .clients import Registered, received
from .grants import Behaviour, ConsentRequest, Grant
from .jwts import Signer, untimely

SCOPE = "mcp:tools"
GRANT_TYPES = ("authorization_code", "refresh_token")
CLIENT_CREDENTIALS = "client_credentials"
"""Offered beside these, to the confidential client that was registered by hand."""
CONSENT_LIFETIME_S = 600.0
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""A SHA-256 hash in base64url without padding (RFC 7636 section 4.2)."""


class Provider(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """Keeps clients, consents, codes and tokens; answers the SDK's handlers."""

    def __init__(
        self,
        issuer: str,
        resource: str,
        behaviour: Callable[[], Behaviour],
        *,
        code_lifetime_s: float = 30,
        access_token_lifetime_s: float = 900,
        requires_resource: bool = True,
        other_issuers: Sequence[str] = (),
        jwt: bool = False,
    ) -> None:
        self.issuer = issuer
        self.resource = resource
        self.requires_resource = requires_resource
        self.other_issuers = tuple(other_issuers)
        self.signer = Signer()
        self.secrets: set[str] = set()
        self.clients: dict[str, Registered] = {}
        self.management: dict[str, str] = {}
        self.codes: dict[str, AuthorizationCode] = {}
        self.redirects: dict[str, str] = {}
        self._behaviour = behaviour
        self._code_lifetime_s = code_lifetime_s
        self._access_lifetime_s = access_token_lifetime_s
        self._jwt = jwt
        self._waiting: dict[str, ConsentRequest] = {}
        self._access: dict[str, tuple[AccessToken, float]] = {}
        self._refresh: dict[str, RefreshToken] = {}
        self._grants: dict[str, Grant] = {}

    def mint(self, kind: str) -> str:
        """A new secret of 256 random bits; its first letters say what it is, as log scanners like it."""
        made = f"{kind}_{secrets.token_urlsafe(32)}"
        self.secrets.add(made)
        return made

    def serves(self, resource: str) -> bool:
        """Whether tokens are issued for this resource."""
        return resource == self.resource or not self._behaviour().minds_the_resource

    # --- clients ------------------------------------------------------------------------------------------------

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        """The client of this id, if there is one."""
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        """Keep a client; what it asked beyond our grant types is struck out (RFC 7591 section 3.2.1)."""
        client_info.grant_types = [name for name in GRANT_TYPES if name in client_info.grant_types]
        client_info.response_types = ["code"]
        asked = received.get()
        document = asked.json if asked else None
        if not isinstance(document, dict):
            raise RegistrationError("invalid_client_metadata", "the body must be a JSON object")
        written = tuple(document["redirect_uris"])
        self.clients[client_info.client_id] = Registered.record(
            client_info.model_dump(), written=written, any_port=self._behaviour().ignores_loopback_port
        )
        self.management[client_info.client_id] = self.mint("registration")
        if client_info.client_secret:
            self.secrets.add(client_info.client_secret)

    def remove_client(self, client_id: str) -> None:
        """Forget a client; all that was granted to it ends (RFC 7592 section 2.3)."""
        del self.clients[client_id], self.management[client_id]
        for grant in self._grants.values():
            if grant.client_id == client_id:
                grant.ended = grant.ended or "its client was removed"

    # --- consent ------------------------------------------------------------------------------------------------

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        """Check what the SDK leaves to us and send the browser to the consent page."""
        resource = params.resource or (None if self.requires_resource else self.resource)
        if resource is None:
            raise AuthorizeError("invalid_request", "the parameter resource is missing")
        if not self.serves(resource):
            raise AuthorizeError("invalid_target", "this server does not issue tokens for that resource")
        if not CHALLENGE.fullmatch(params.code_challenge):
            raise AuthorizeError("invalid_request", "code_challenge must be 43 base64url characters")
        asked, record = received.get(), self.clients[client.client_id]
        written = record.redirect_text(dict(asked.params).get("redirect_uri")) if asked else None
        request = ConsentRequest(
            client_id=client.client_id,
            client_name=client.client_name or client.client_id,
            redirect_uri=written or str(params.redirect_uri),
            redirect_named=params.redirect_uri_provided_explicitly,
            state=params.state,
            scopes=tuple(params.scopes or (SCOPE,)),
            resource=resource,
            code_challenge=params.code_challenge,
            expires_at=time.time() + CONSENT_LIFETIME_S,
        )
        ticket = secrets.token_urlsafe(32)
        self._waiting[ticket] = request
        return with_query(f"{self.issuer}/consent", request=ticket)

    def waiting(self, ticket: str) -> ConsentRequest | None:
        """The request that waits under this ticket."""
        request = self._waiting.get(ticket)
        return request if request and request.expires_at > time.time() else None

    def take(self, ticket: str) -> ConsentRequest | None:
        """The request under this ticket, which then is used up."""
        request = self.waiting(ticket)
        self._waiting.pop(ticket, None)
        return request

    def consented(self, request: ConsentRequest, subject: str) -> str:
        """The redirect that hands the client its code (RFC 6749 section 4.1.2, RFC 9207 section 2)."""
        code = self.mint("code")
        lifetime = self._behaviour().code_lifetime_s
        self.redirects[code] = request.redirect_uri
        self._grants[code] = Grant(request.client_id, subject, request.scopes, request.resource)
        self.codes[code] = AuthorizationCode.model_validate(
            {
                "code": code,
                "scopes": list(request.scopes),
                "expires_at": time.time() + (self._code_lifetime_s if lifetime is None else lifetime),
                "client_id": request.client_id,
                "code_challenge": request.code_challenge,
                "redirect_uri": request.redirect_uri,
                "redirect_uri_provided_explicitly": request.redirect_named,
                "resource": request.resource,
                "subject": subject,
            }
        )
        return with_query(request.redirect_uri, code=code, state=request.state, iss=self.issuer)

    def denied(self, request: ConsentRequest) -> str:
        """The redirect that says the user refused (RFC 6749 section 4.1.2.1)."""
        return with_query(
            request.redirect_uri,
            error="access_denied",
            error_description="The user refused the request",
            state=request.state,
            iss=self.issuer,
        )

    # --- tokens -------------------------------------------------------------------------------------------------

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        """The code, if it is this client's and unused; a second use ends the grant."""
        code = self.codes.get(authorization_code)
        if code is None or code.client_id != client.client_id:
            return None
        grant = self._grants[authorization_code]
        if authorization_code in grant.spent and self._behaviour().refuses_spent_codes:
            grant.ended = grant.ended or "its authorization code was used twice"
            return None
        return code if self._behaviour().checks_verifiers else code.model_copy(update=_fitting())

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        """The first tokens of a grant; spends the code."""
        grant = self._grants[authorization_code.code]
        grant.spent.add(authorization_code.code)
        renewable = "refresh_token" in client.grant_types
        return self._issue(grant, list(grant.scopes), self._new_refresh_token(grant) if renewable else None)

    async def load_refresh_token(self, client: OAuthClientInformationFull, refresh_token: str) -> RefreshToken | None:
        """The refresh token, if it is this client's and alive; a spent one ends the grant."""
        token = self._refresh.get(refresh_token)
        if token is None or token.client_id != client.client_id:
            return None
        grant = self._grants[refresh_token]
        if refresh_token in grant.spent and self._behaviour().refuses_spent_refresh_tokens:
            grant.ended = grant.ended or "an old refresh token was used again"
        return None if grant.ended else token

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        """New tokens for an old refresh token, which then is spent."""
        grant = self._grants[refresh_token.token]
        if not self._behaviour().rotates_refresh_tokens:
            return self._issue(grant, scopes, refresh_token.token)
        grant.spent.add(refresh_token.token)
        return self._issue(grant, scopes, self._new_refresh_token(grant))

    async def exchange_identity_assertion(
        self, client: OAuthClientInformationFull, params: IdentityAssertionParams
    ) -> OAuthToken:
        """Not offered."""
        raise TokenError("unsupported_grant_type", "this grant type is not offered")

    def issue_to_client(self, client: OAuthClientInformationFull) -> OAuthToken:
        """A token for a client that acts for itself; without a refresh token (RFC 6749 section 4.4.3)."""
        grant = Grant(client.client_id, client.client_id, (SCOPE,), self.resource)
        return self._issue(grant, [SCOPE], None)

    def _new_refresh_token(self, grant: Grant) -> str:
        made = self.mint("refresh")
        self._grants[made] = grant
        self._refresh[made] = RefreshToken(
            token=made,
            client_id=grant.client_id,
            scopes=list(grant.scopes),
            resource=grant.resource,
            subject=grant.subject,
        )
        return made

    def _issue(self, grant: Grant, scopes: list[str], refresh_token: str | None) -> OAuthToken:
        given = self._behaviour().access_token_lifetime_s
        lifetime_s = self._access_lifetime_s if given is None else given
        made = self._mint_access_token(grant, scopes, lifetime_s)
        token = AccessToken(
            token=made,
            client_id=grant.client_id,
            scopes=scopes,
            resource=grant.resource,
            subject=grant.subject,
            claims={"iss": self.issuer},
        )
        self._grants[made] = grant
        self._access[made] = (token, time.time() + lifetime_s)
        return OAuthToken(
            access_token=made,
            expires_in=int(lifetime_s),
            scope=" ".join(scopes),
            refresh_token=refresh_token,
        )

    def _mint_access_token(self, grant: Grant, scopes: list[str], lifetime_s: float) -> str:
        """A reference, or a token that says all about itself (RFC 9068 section 2.2)."""
        behaviour = self._behaviour()
        signed = self._jwt or behaviour.issues_self_contained_tokens
        kind = behaviour.access_kind or ("signed" if signed else "opaque")
        if kind == "opaque":
            return self.mint("access")
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": grant.subject,
            "aud": grant.resource,
            "client_id": grant.client_id,
            "scope": " ".join(scopes),
            "iat": now,
            "exp": now + int(lifetime_s),
            "jti": secrets.token_urlsafe(16),
        }
        made = self.signer.made(kind, behaviour.claims(claims))
        self.secrets.add(made)
        return made

    def reads_tokens(self) -> bool:
        """Whether the MCP endpoint reads its tokens, and so needs the published key."""
        behaviour = self._behaviour()
        issues = behaviour.issues_self_contained_tokens or behaviour.access_kind not in (None, "opaque")
        return self._jwt or behaviour.expects_jwts or issues

    # --- the resource server's side -------------------------------------------------------------------------------

    def refusal(self, token: str) -> str | None:
        """Why the MCP endpoint must refuse this token; None when it must not."""
        kept = self._access.get(token)
        if kept is None:
            return "The access token is unknown"
        if kept[1] <= time.time():
            return "The access token expired"
        ended = None if self._behaviour().issues_self_contained_tokens else self._grants[token].ended
        if ended:
            return f"The access token is revoked: {ended}"
        return self._unreadable(kept[0]) if self.reads_tokens() else None

    def _unreadable(self, kept: AccessToken) -> str | None:
        """Why a token that is known must be refused for what it says of itself; None when it must not."""
        if kept.token.count(".") != 2:
            return "The access token is no JSON Web Token"
        claims, wanted = self.signer.claims(kept.token), self._behaviour().expected_audience
        if claims is None:
            return "The signature of the access token does not fit"
        if claims.get("iss") != self.issuer:
            return "The access token has another issuer"
        if untimely(claims):
            return "The access token is not valid at this time"
        fits = wanted == "" or claims.get("aud") == (wanted or self.resource)
        return None if fits else "The access token has another audience"

    def known(self, token: str) -> tuple[AccessToken | RefreshToken, int | None] | None:
        """A token that works, whichever of the two it is, and when it ends in seconds since 1970, if it does."""
        if token in self._access and self.refusal(token) is None:
            return self._access[token][0], int(self._access[token][1])
        kept = self._refresh.get(token)
        usable = kept is not None and token not in self._grants[token].spent and not self._grants[token].ended
        return (kept, None) if kept is not None and usable else None

    async def load_access_token(self, token: str) -> AccessToken | None:
        """The token, if it works."""
        return None if self.refusal(token) else self._access[token][0]

    async def verify_token(self, token: str) -> AccessToken | None:
        """The check of the MCP endpoint; the SDK compares the resource afterwards (RFC 8707 section 2)."""
        behaviour = self._behaviour()
        if not behaviour.accepts_access_tokens:
            return None
        kept = await self.load_access_token(token)
        if kept is None and not behaviour.looks_at_tokens:
            return AccessToken(token=token, client_id="anybody", scopes=[SCOPE], resource=self.resource)
        if kept is not None and not behaviour.minds_the_resource:
            return kept.model_copy(update={"resource": self.resource})
        return self._checked(kept) if kept is not None and self.reads_tokens() else kept

    def _checked(self, kept: AccessToken) -> AccessToken:
        """The token with the scopes that its claims hold, where it is to be read (RFC 9068 section 4)."""
        scope = (self.signer.claims(kept.token) or {}).get("scope")
        return kept.model_copy(update={"scopes": scope.split() if isinstance(scope, str) else []})

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        """End the grant of this token, whichever of the two it is (RFC 7009 section 2.1)."""
        if self._behaviour().honours_revocation:
            grant = self._grants[token.token]
            grant.ended = grant.ended or "the client revoked it"


def _fitting() -> dict[str, str]:
    """The challenge of whatever verifier is shown, so that the SDK's comparison finds nothing wrong."""
    asked = received.get()
    shown = dict(asked.form).get("code_verifier", "") if asked else ""
    hashed = hashlib.sha256(shown.encode()).digest()
    return {"code_challenge": base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()}
