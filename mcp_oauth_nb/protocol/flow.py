"""`Flow`: an immutable record of all that is known so far, and the facts it is made of.

A step returns a new Flow; the old one stays as it was. Running a cell again therefore starts from the Flow as it stood
before that step, and forgets what later steps had learned, without any code for undoing. Each fact knows the id of the
exchange it came from, and lists by `shown` what a reader should see of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeVar

from mcp_oauth_nb.errors import BadSetting, NotYet
from mcp_oauth_nb.jose import ALGORITHMS, PrivateKey
from mcp_oauth_nb.protocol.challenge import Challenges
from mcp_oauth_nb.protocol.choices import AS_IN_MCP, Choices
from mcp_oauth_nb.protocol.device import Device
from mcp_oauth_nb.protocol.elicitation import InputNeeded
from mcp_oauth_nb.protocol.grants import Enterprise, Grant
from mcp_oauth_nb.protocol.issuer import IssuerCheck
from mcp_oauth_nb.protocol.mirroring import Mirrored
from mcp_oauth_nb.protocol.pkce import Pkce
from mcp_oauth_nb.protocol.profiles import Profile
from mcp_oauth_nb.records import origin_of

Pairs = tuple[tuple[str, str], ...]
_TELLING_MEMBERS = (
    "resource",
    "authorization_servers",
    "issuer",
    "scopes_supported",
    "code_challenge_methods_supported",
)
AuthMethod = Literal["none", "client_secret_basic", "client_secret_post"]
AUTH_METHODS: tuple[AuthMethod, ...] = ("none", "client_secret_basic", "client_secret_post")
"""How a client authenticates that has no key (RFC 7591 2)."""
PRIVATE_KEY_JWT = "private_key_jwt"
Registration = Literal["auto", "preregistered", "cimd", "dcr"]
WAYS: tuple[Registration, ...] = ("auto", "preregistered", "cimd", "dcr")
T = TypeVar("T")


class _Fact:
    """Mixin: shows what it is and where it came from, and nothing that a server wrote."""

    exchange: int

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of exchange {self.exchange}>"


@dataclass(frozen=True, repr=False)
class Client:
    """An OAuth client: one that was registered beforehand, or the one that registration returned.

    Args:
        client_id: as the authorization server knows it.
        secret: the client secret of a confidential client; None for a public one.
        auth_method: how it authenticates at the token endpoint (RFC 7591 2): one of ``none``,
            ``client_secret_basic``, ``client_secret_post``, ``private_key_jwt``. Chosen from the server's metadata when
            not given.
        source: where the client comes from, in words.
        exchange: id of the registration exchange; 0 for a client given by the user.
        issuer: the authorization server that knows it; its credentials go to no other. Where it is not said, they go to
            the first one that the flow leads to.
        management_url: where the registration can be read and deleted (RFC 7592); None where it cannot.
        management_token: the registration access token for it.
        private_key: the private key it authenticates with instead of a secret (RFC 7523), as PEM or JWK.
        algorithm: what that key signs with, such as ``ES256``.
        scope: what it may ask for, as the registration says; None where nothing says it.

    Raises:
        BadSetting: the id is empty, the method is unknown, or method, secret and key do not fit.
    """

    client_id: str
    secret: str | None = field(default=None, repr=False)
    auth_method: str | None = None
    source: str = "pre-registered"
    exchange: int = 0
    issuer: str | None = None
    management_url: str | None = None
    management_token: str | None = None
    private_key: str | None = field(default=None, repr=False)
    algorithm: str = "ES256"
    scope: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.client_id, str) or not self.client_id.strip():
            seen = "no text" if isinstance(self.client_id, str) else f"a {type(self.client_id).__name__}"
            raise BadSetting("Client(client_id)", seen, "the id the authorization server gave out")
        if self.source == "pre-registered" and self.auth_method not in (None, *AUTH_METHODS, PRIVATE_KEY_JWT):
            known = ", ".join((*AUTH_METHODS, PRIVATE_KEY_JWT))
            raise BadSetting("Client(auth_method=)", "something else", f"one of {known}")
        if self.source == "pre-registered":
            self._check_key()
        if self.source == "pre-registered" and self.auth_method in AUTH_METHODS[1:] and not self.secret:
            raise BadSetting("Client(secret=)", "no secret", f"a secret for {self.auth_method}", "Use getpass().")

    def _check_key(self) -> None:
        """A key and its method go together, and a client has one way to authenticate (RFC 6749 2.3)."""
        wants_key = self.auth_method == PRIVATE_KEY_JWT
        if self.private_key is None and not wants_key:
            return
        if not isinstance(self.private_key, str) or not self.private_key.strip():
            seen = f"a {type(self.private_key).__name__}" if self.private_key else "no key"
            raise BadSetting("Client(private_key=)", seen, "the text of a private key, as PEM or JWK")
        if self.secret or not (wants_key or self.auth_method is None):
            seen = "a secret as well" if self.secret else "another method"
            raise BadSetting("Client(private_key=)", seen, f"a key alone: it is used with {PRIVATE_KEY_JWT}")
        if self.algorithm not in ALGORITHMS:
            raise BadSetting("Client(algorithm=)", "something else", "one of " + ", ".join(ALGORITHMS))

    def __repr__(self) -> str:
        kind = "public" if self.is_public else "confidential"
        return f"<Client {kind}, {self.source}>"

    @property
    def is_public(self) -> bool:
        """A client without a secret or key (RFC 6749 2.1)."""
        return not self.secret and not self.private_key

    @property
    def is_managed(self) -> bool:
        """A client whose registration can be read and deleted (RFC 7592 3)."""
        return bool(self.management_url and self.management_token)

    def shown(self) -> Pairs:
        kind = "public" if self.is_public else "confidential"
        pairs: Pairs = (("client_id", self.client_id), ("client", f"{kind}, {self.source}"))
        if self.auth_method:
            pairs += (("token_endpoint_auth_method", self.auth_method),)
        return (*pairs, ("to remove it", "dbg.unregister()")) if self.is_managed else pairs


@dataclass(frozen=True)
class ToolCall:
    """The one tool that the authenticated step may call. Tools are called only by name, never by default."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of ``tools/call``."""
        return {"name": self.name, "arguments": dict(self.arguments)}


@dataclass(frozen=True, repr=False)
class Settings:
    """What the user chose before the first request.

    Attributes:
        url: the MCP server's URL exactly as typed.
        profile: the row of the protocol version in force.
        redirect_uri: where the browser comes back to.
        client: a pre-registered client; None registers one dynamically.
        scope: the scope to ask for; None takes what the server asks for.
        resource: the resource indicator; None takes the published one.
        tool: the tool to call once tools are listed; None calls none.
        auto: the version is told from the server's answers; `profile` is the one to begin with.
        registration: how to get a client id: ``auto`` takes the first way that there is.
        client_auth_method: how a client registered dynamically is to authenticate; None chooses by the metadata.
        client_metadata_url: the URL of our client ID metadata document, if there is one.
        authorization_server: the issuer to use where the resource names several; None takes the first.
        path_scoped_issuer: look for an issuer's metadata under the path of the MCP server, too.
        initial_access_token: what a closed registration endpoint wants to see.
        software_statement: passed through to the registration endpoint.
        entropy: gives so many random bytes; tests hand in a fixed one.
        on_violation: "stop" where the protocol says that a client must not go on, or "continue".
        grant: what an access token is asked for with.
        assertion: the JWT of the grant ``jwt_bearer``.
        enterprise: what the grant ``enterprise`` needs of the identity provider.
        clock: tells the time in seconds since 1970; what is signed is dated by it.
        client_key: the key of a client that authenticates with one.
        dpop_key: the key that tokens are to be bound to; None where DPoP is not wanted.
        dpop_keys: gives the key for another algorithm, the same one every time; None where the user chose one.
        api_url: the API to try the token at, for a flow without MCP.
        step_timeout_s: the deadline of one request, in seconds; waiting between two tries of it counts as well.
        choices: what a plain OAuth 2.0 API leaves to its client; what MCP has decided unless given.
    """

    url: str
    profile: Profile
    redirect_uri: str
    entropy: Callable[[int], bytes]
    client: Client | None = None
    scope: str | None = None
    resource: str | None = None
    tool: ToolCall | None = None
    auto: bool = False
    registration: Registration = "auto"
    client_auth_method: AuthMethod | None = None
    client_metadata_url: str | None = None
    authorization_server: str | None = None
    path_scoped_issuer: bool = False
    initial_access_token: str | None = None
    software_statement: str | None = None
    client_name: str = "mcp-oauth-nb"
    on_violation: Literal["stop", "continue"] = "stop"
    grant: Grant = "authorization_code"
    assertion: str | None = None
    enterprise: Enterprise | None = None
    clock: Callable[[], float] = float
    client_key: PrivateKey | None = None
    dpop_key: PrivateKey | None = None
    dpop_keys: Callable[[str], PrivateKey] | None = None
    choices: Choices = AS_IN_MCP
    api_url: str | None = None
    step_timeout_s: float = 30.0

    def __repr__(self) -> str:
        return f"<Settings {origin_of(self.url)} {self.profile.version}>"


@dataclass(frozen=True, repr=False)
class Era(_Fact):
    """Which protocol version is in force, and how that was told. `exchange` is 0 where no answer decided it."""

    profile: Profile
    why: str
    exchange: int = 0

    def shown(self) -> Pairs:
        return (("protocol version taken", f"{self.profile.version}: {self.why}"),)


@dataclass(frozen=True, repr=False)
class Challenged(_Fact):
    """How the MCP server answered without a token."""

    status: int
    challenges: Challenges
    exchange: int

    def shown(self) -> Pairs:
        bearer = self.challenges.bearer()
        pairs = (("status", str(self.status)),)
        return pairs if bearer is None else (*pairs, ("scheme", bearer.scheme), *bearer.parameters)


@dataclass(frozen=True, repr=False)
class Document(_Fact):
    """A JSON document as published: never a strict model, because the broken ones are the ones to show.

    Attributes:
        value: the object.
        url: where it was found.
        kind: how the URL was built (challenge, path, root, rfc8414, oidc, ...).
        identifier: what the document had to name in return: the resource or issuer its URL was built from.
        exchange: id of the exchange.
    """

    value: Mapping[str, Any]
    url: str
    kind: str
    identifier: str
    exchange: int

    def text(self, name: str) -> str | None:
        """A member that is a string; None where it is absent or anything else."""
        member = self.value.get(name)
        return member if isinstance(member, str) else None

    def texts(self, name: str) -> tuple[str, ...]:
        """The strings of a member that is an array; empty where it is absent or anything else."""
        member = self.value.get(name)
        return tuple(one for one in member if isinstance(one, str)) if isinstance(member, list) else ()

    def shown(self) -> Pairs:
        pairs: list[tuple[str, str]] = [("found at", self.url)]
        for name in _TELLING_MEMBERS:
            if name in self.value:
                listed = " ".join(self.texts(name))
                pairs.append((name, self.text(name) or listed or str(self.value[name])))
        return tuple(pairs)


@dataclass(frozen=True, repr=False)
class Issuer(_Fact):
    """Which authorization server was taken of several that the resource names (RFC 9728 7.6), and why that one."""

    taken: str
    why: str
    others: tuple[str, ...]
    exchange: int

    def shown(self) -> Pairs:
        listed = ("also named", " ".join(self.others))
        return (("issuer taken", f"{self.taken} ({self.why})"), listed)


@dataclass(frozen=True, repr=False)
class Authorization(_Fact):
    """One authorization request, with everything recorded that its response must be held against.

    `resource` is the last of `resources`, of which there may be several (RFC 8707 2). `scopes` tells a reader which
    sets of scopes there were and why this one was asked for.
    """

    url: str
    state: str
    redirect_uri: str
    token_endpoint: str
    issuer: str | None
    resource: str | None
    scope: str | None
    exchange: int
    scopes: Pairs = ()
    resources: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """Every resource indicator that was sent."""
        return self.resources or ((self.resource,) if self.resource is not None else ())

    def shown(self) -> Pairs:
        listed = " ".join(self.targets) or self.resource
        pairs = (("redirect_uri", self.redirect_uri), ("resource", listed), ("scope", self.scope))
        sent = tuple((name, value if value is not None else "(not sent)") for name, value in pairs)
        return sent + self.scopes


@dataclass(frozen=True, repr=False)
class AuthorizationCode(_Fact):
    """The code that the authorization response carried."""

    code: str
    exchange: int

    def shown(self) -> Pairs:
        return (("code", self.code),)


@dataclass(frozen=True, repr=False)
class Tokens(_Fact):
    """What the token endpoint issued.

    `expires_in_s` is None where the answer did not say, `id_token` where none came (OpenID Connect Core 3.1.3.3).
    `scope` is what was granted: where the answer does not say it, what was asked for (RFC 6749 5.1). `scopes` tells
    of the choice, for a grant that has no authorization request to do so. `expires_at_s` is when the access token
    expires, in seconds since 1970, of tokens that were issued elsewhere, and None where nobody knows.
    """

    access_token: str
    refresh_token: str | None = None
    token_type: str = "Bearer"
    scope: str | None = None
    expires_in_s: float | None = None
    exchange: int = 0
    id_token: str | None = None
    asked_scope: str | None = None
    scopes: Pairs = ()
    expires_at_s: float | None = None

    def shown(self) -> Pairs:
        pairs = [("access_token", self.access_token), ("token_type", self.token_type)]
        pairs.append(("expires in", "(not said)" if self.expires_in_s is None else f"{self.expires_in_s:g} s"))
        pairs.append(("scope", self.scope or "(not said)"))
        missing = set((self.asked_scope or "").split()) - set((self.scope or "").split())
        if self.scope and missing:
            pairs.append(("scope asked for and not granted", " ".join(sorted(missing))))
        pairs.append(("refresh_token", self.refresh_token or "(none)"))
        pairs += [("id_token", self.id_token)] if self.id_token else []
        return (*pairs, *self.scopes)


@dataclass(frozen=True, repr=False)
class Session(_Fact):
    """What the MCP server agreed to.

    Attributes:
        protocol_version: the version in force; empty where the server named none.
        id: the session id; None where the server keeps no session.
        tools: the names of the tools that were listed.
        more_tools: the list goes on behind the pages that were fetched.
        mirrored: by tool, the arguments that headers repeat (MCP 2026-07-28).
    """

    protocol_version: str
    id: str | None = None
    server_name: str = ""
    tools: tuple[str, ...] = ()
    exchange: int = 0
    more_tools: bool = False
    mirrored: Mapping[str, Mirrored] = field(default_factory=dict)

    def shown(self) -> Pairs:
        pairs = [("protocol version", self.protocol_version), ("server", self.server_name or "(unnamed)")]
        pairs.append(("session", self.id or "(none)"))
        more = " (and more: the list goes on)" if self.more_tools else ""
        pairs.append(("tools", (", ".join(self.tools) or "(none listed)") + more))
        return tuple(pairs)


@dataclass(frozen=True, repr=False)
class Outcome(_Fact):
    """What a request after the main flow led to, in words; `details` are members of the answer worth a line each."""

    summary: str
    exchange: int
    details: Pairs = ()

    def shown(self) -> Pairs:
        return (("outcome", self.summary), *self.details)


@dataclass(frozen=True, repr=False)
class Flow:
    """Settings and the facts learned so far.

    `old_refresh_token` is the one that the last refresh replaced, `step_up_scope` what a step-up asks for, `rounds` how
    many authorization requests were made (token requests, for a grant without them), `nonces` the latest DPoP nonce of
    each server by its origin.
    """

    settings: Settings
    era: Era | None = None
    challenge: Challenged | None = None
    resource_metadata: Document | None = None
    issuer: Issuer | None = None
    server_metadata: Document | None = None
    client: Client | None = None
    pkce: Pkce | None = None
    authorization: Authorization | None = None
    issuer_check: IssuerCheck | None = None
    device: Device | None = None
    code: AuthorizationCode | None = None
    tokens: Tokens | None = None
    session: Session | None = None
    step_up_scope: str | None = None
    rounds: int = 0
    nonces: Pairs = ()
    called: Outcome | None = None
    input_needed: InputNeeded | None = None
    old_refresh_token: str | None = None
    replayed: Outcome | None = None
    revoked: Outcome | None = None
    introspected: Outcome | None = None
    userinfo: Outcome | None = None
    api: Outcome | None = None
    registration: Outcome | None = None
    unregistered: Outcome | None = None
    after_revocation: Outcome | None = None

    def __repr__(self) -> str:
        known = [f.name for f in fields(self) if f.name != "settings" and getattr(self, f.name)]
        return f"<Flow {origin_of(self.settings.url)} knows {', '.join(known) or 'nothing'}>"

    def learn(self, **facts: Any) -> Flow:
        """A new Flow that also knows these facts."""
        return replace(self, **facts)

    def news(self, before: Flow) -> Pairs:
        """What a reader should see of the facts that `before` did not have. May hold secrets: mask before showing."""
        pairs: list[tuple[str, str]] = []
        for name in (f.name for f in fields(self) if f.name != "settings"):
            fact = getattr(self, name)
            if fact is not None and fact is not getattr(before, name) and hasattr(fact, "shown"):
                pairs += fact.shown()
        return tuple(pairs)

    @property
    def profile(self) -> Profile:
        """The row of the protocol version in force."""
        return self.era.profile if self.era else self.settings.profile

    @property
    def lenient(self) -> bool:
        """Whether to go on where a client must not."""
        return self.settings.on_violation == "continue"


def need(fact: T | None, what: str, call: str) -> T:
    """The fact, or NotYet naming the call that supplies it."""
    if fact is None:
        raise NotYet(what, call)
    return fact
