"""`OAuth2`: any grant of a plain OAuth 2.0 API, walked and judged by the same steps and rules as an MCP server.

What an API without MCP leaves to its client stands in `Choices`; the arguments become those in `oauth2_arguments`.
There is no challenge and no protected resource metadata here, so the flow begins with the metadata of an issuer, or
with endpoints that were typed.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from mcp_oauth_nb.arguments import brief, check_behaviour, check_flags, check_redirect, client_key, one_line_each
from mcp_oauth_nb.calling import Caller
from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.link import AuthorizationLink
from mcp_oauth_nb.oauth2_arguments import (
    GRANTS,
    ClientAuth,
    Given,
    Parameters,
    PlainGrant,
    choices_of,
    client_of,
)
from mcp_oauth_nb.oauth2_beginning import begun, custom_headers, vault_of
from mcp_oauth_nb.protocol.choices import NOT_AVAILABLE, PkceMethod, TokenPlace, TokenUse
from mcp_oauth_nb.protocol.flow import Client, Flow, Settings
from mcp_oauth_nb.protocol.grants import route_told
from mcp_oauth_nb.protocol.profiles import PLAIN
from mcp_oauth_nb.protocol.step import Edits, Override
from mcp_oauth_nb.protocol.wellknown import split
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.steps import AFTERWARDS
from mcp_oauth_nb.steps.api import api_step
from mcp_oauth_nb.using import NO_REFRESH
from mcp_oauth_nb.wire.addresses import Guard
from mcp_oauth_nb.wire.callback import Listener
from mcp_oauth_nb.wire.driver import Browser, Driver
from mcp_oauth_nb.wire.http import Wire, seconds

LATER = tuple(name for name in AFTERWARDS if name != "revoked")
"""What a token of a plain API goes through later; the request after revocation is one of MCP."""


class OAuth2(Caller):
    """Walks any grant of a plain OAuth 2.0 API, step by step: no MCP server is needed.

    Args:
        authorization_url: where the browser is sent (RFC 6749 3.1).
        token_url: where tokens are issued (RFC 6749 3.2).
        issuer: the issuer whose metadata names the endpoints (RFC 8414, OpenID Connect Discovery). An endpoint that is
            typed as well goes before the one of the metadata.
        grant: ``"authorization_code_pkce"``, ``"authorization_code"`` (without PKCE), ``"implicit"``, ``"password"``,
            ``"client_credentials"`` or ``"device"`` (RFC 8628).
        client_id: as the authorization server knows it.
        client_secret: the secret of a confidential client; ``""`` sends an empty one.
        client_auth: how the client authenticates: ``"basic"`` (a header), ``"body"`` (members of the form) or
            ``"none"``. Basic where there is a secret unless given (RFC 6749 2.3.1).
        client: a ``Client(id, private_key=...)`` in the place of the three above, for private_key_jwt.
        scope: the scopes to ask for, blanks between them; None sends none.
        state: your own state; None makes a random one for each request.
        redirect_uri: the callback URL that is registered; None takes a free port of this machine.
        allow_remote_redirect: take a `redirect_uri` that is not on this machine; the redirect is then pasted.
        browser: who fetches the redirect: None a person, ``"follow"`` this process (for servers that consent by
            themselves), or a function from the authorization URL to the redirect URL. With the device grant the
            function is handed the verification URI, and what it returns does not count.
        pkce_method: ``"S256"`` or ``"plain"`` (RFC 7636 4.3).
        code_verifier: your own verifier of 43 to 128 unreserved characters; None makes one for each request.
        response_type: of the implicit grant: ``"token"``, or ``"id_token token"`` with a `nonce`.
        nonce: what the ID token has to repeat (OIDC Core 3.2.2.1).
        username: of the password grant.
        password: of the password grant; take ``getpass()``.
        audience: an ``audience`` parameter, or several, as many providers want it.
        resource: resource indicators (RFC 8707), one or several.
        device_url: the device authorization endpoint (RFC 8628 3.1).
        refresh_url: where to refresh, if elsewhere than at `token_url`.
        revocation_url: the revocation endpoint (RFC 7009).
        introspection_url: the introspection endpoint (RFC 7662).
        userinfo_url: the userinfo endpoint (OIDC Core 5.3).
        authorization_params: custom parameters of the authorization request: a list of `Parameter`, or a mapping.
        token_params: custom parameters of the token request; those of a mapping are sent in the body.
        refresh_params: custom parameters of the refresh; None takes those of the token request, and ``[]`` sends none.
        api_url: the API to try the token at, as the last step of `run`.
        header_prefix: what stands before the token in the Authorization header, one word; ``""`` sends the token alone.
        token_in: ``"header"``, or ``"url"`` for the query parameter ``access_token`` (RFC 6750 2.3).
        use: the token that the API wants: ``"access_token"`` or ``"id_token"``.
        access_token: a token you already have: `api` and `request` then work at once.
        auto_refresh: refresh a token that has run out, where it can be, before `api`, `request` and `auth` use it. None
            does so for `auth` alone, so that a token that has run out can be shown to the API; False for none.
        headers: extra headers for the origin of `api_url`, and for no other.
        allow_hosts: hosts that a server may send us to whatever they resolve to. Those that you typed are allowed.
        verify: True, the path of a CA bundle in PEM, or False.
        step_timeout_s: the deadline of one request, in seconds.
        callback_timeout_s: how long to wait for a person, in seconds, in the browser or at another device.
        on_violation: "stop" where the protocol says that a client must not go on, or "continue".

    Raises:
        BadSetting: an argument cannot work, or not together with the others; the message says what is expected.
    """

    def __init__(
        self,
        authorization_url: str | None = None,
        token_url: str | None = None,
        *,
        issuer: str | None = None,
        grant: PlainGrant = "authorization_code_pkce",
        client_id: str | None = None,
        client_secret: str | None = None,
        client_auth: ClientAuth | None = None,
        client: Client | None = None,
        scope: str | None = None,
        state: str | None = None,
        redirect_uri: str | None = None,
        allow_remote_redirect: bool = False,
        browser: Browser = None,
        pkce_method: PkceMethod = "S256",
        code_verifier: str | None = None,
        response_type: str | None = None,
        nonce: str | None = None,
        username: str | None = None,
        password: str | None = None,
        audience: str | Sequence[str] | None = None,
        resource: str | Sequence[str] | None = None,
        device_url: str | None = None,
        refresh_url: str | None = None,
        revocation_url: str | None = None,
        introspection_url: str | None = None,
        userinfo_url: str | None = None,
        authorization_params: Parameters = None,
        token_params: Parameters = None,
        refresh_params: Parameters = None,
        api_url: str | None = None,
        header_prefix: str = "Bearer",
        token_in: TokenPlace = "header",  # noqa: S107 - a place, no password
        use: TokenUse = "access_token",
        access_token: str | None = None,
        auto_refresh: bool | None = None,
        headers: Mapping[str, str] | None = None,
        allow_hosts: Collection[str] = (),
        verify: bool | str | Path = True,
        step_timeout_s: float = 30,
        callback_timeout_s: float = 300,
        on_violation: Literal["stop", "continue"] = "stop",
    ) -> None:
        same = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        # A closure, because the repr of a partial shows its arguments, and some are secrets.
        self._same: Callable[[Mapping[str, Any]], OAuth2] = lambda changes: OAuth2(**{**same, **changes})
        given = Given(
            grant=grant,
            urls={
                "authorization_url": authorization_url,
                "token_url": token_url,
                "device_url": device_url,
                "revocation_url": revocation_url,
                "introspection_url": introspection_url,
                "userinfo_url": userinfo_url,
            },
            issuer=issuer,
            refresh_url=refresh_url,
            api_url=api_url,
            access_token=access_token,
            pkce_method=pkce_method,
            code_verifier=code_verifier,
            response_type=response_type,
            state=state,
            nonce=nonce,
            scope=scope,
            resource=resource,
            audience=audience,
            username=username,
            password=password,
            authorization_params=authorization_params,
            token_params=token_params,
            refresh_params=refresh_params,
            header_prefix=header_prefix,
            token_in=token_in,
            use=use,
        )
        choices = choices_of(given)
        needed = grant != "password" and access_token is None
        client = client_of(client, client_id, client_secret, client_auth, needed=needed)
        check_behaviour(browser, on_violation, redirect_uri)
        check_redirect(redirect_uri, allow_remote_redirect)
        check_flags(auto_refresh=auto_refresh or False)
        custom = custom_headers(headers, api_url)
        vault = vault_of(given, choices, client, custom)
        listener = Listener(redirect_uri, in_fragment=choices.in_fragment)
        typed = given.typed
        self._guard, self._given = Guard(next(iter(typed), ""), allow_hosts, typed), given
        wire = Wire(verify=verify, timeout_s=step_timeout_s, guard=self._guard)
        driver = Driver(
            wire,
            listener,
            vault,
            custom=one_line_each(custom),
            browser=browser,
            callback_timeout_s=seconds("callback_timeout_s", callback_timeout_s),
        )
        settings = Settings(
            url=next(iter(typed), ""),
            profile=PLAIN,
            redirect_uri=listener.redirect_uri,
            entropy=secrets.token_bytes,
            client=client,
            scope=scope,
            on_violation=on_violation,
            grant=GRANTS[grant],
            clock=time.time,
            client_key=client_key(client),
            choices=choices,
            api_url=api_url,
        )
        super().__init__(begun(settings, access_token), driver, vault, verify)
        self.use.auto_refresh = auto_refresh

    def __repr__(self) -> str:
        done = [run.step for run in self._driver.runs]
        where = mask_text(self._vault, self._flow.settings.url) or "no URL"
        return f"<OAuth2 {where} after {done[-1] if done else 'no step'}>"

    def route(self, *, afterwards: bool = False) -> tuple[str, ...]:
        """The steps of this grant in order; with `afterwards` also refresh, replay and revocation."""
        return route_told(self._settings_of_route()) + (self._later() if afterwards else ())

    # -- the steps that MCP does not have ---------------------------------------------------------------------------

    def device(
        self, *, params: Edits | None = None, form: Edits | None = None, headers: Edits | None = None
    ) -> AuthorizationLink:
        """Ask for a user code and show it with the link to type it at; returns at once. `token` waits for the person.

        The code is shown to the person who has to type it, and is replaced once the tokens are here: it is saved with
        no evidence.
        """
        self._run("device", params=params, form=form, headers=headers)
        held = self._flow.device
        return self._link((held.complete_uri or held.verification_uri) if held else None)

    def token(self, *, params: Edits | None = None, form: Edits | None = None, headers: Edits | None = None) -> Report:
        """Show the grant to the token endpoint (RFC 6749 4). With the device grant it asks until the person is done.

        Raises:
            CallbackTimeout: the person was not done in time; run it again to go on.
        """
        report = super().token(params=params, form=form, headers=headers)
        if self._shown_link is not None:
            self._shown_link.close()
        return report

    def api(self, *, params: Edits | None = None, headers: Edits | None = None) -> Report:
        """Try the token: a GET of ``api_url`` with it (RFC 6750 2)."""
        self._renew()
        return self._run("api", params=params, headers=headers)

    def request(
        self,
        method: str,
        url: str | None = None,
        *,
        params: Edits | None = None,
        headers: Edits | None = None,
        form: Edits | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> Report:
        """Send any request to the API with the token. Redirects are not followed.

        Args:
            method: the HTTP method.
            url: where to; None takes ``api_url``.
            params: query parameters; a list repeats the name.
            headers: header fields; those that are not plainly public are masked.
            form: members to send as a form.
            json: a JSON object to send. At most one of `form` and `json`.

        Raises:
            BadSetting: an argument cannot work. What the API answers is in the report instead.
            NotYet: there is no token yet, or no URL.
        """
        if not isinstance(method, str) or not method.isascii() or not method.isalpha():
            raise BadSetting("method", brief(method), "an HTTP method such as 'GET'")
        if url is not None and (not isinstance(url, str) or split(url) is None or any(ord(c) < 33 for c in url)):
            raise BadSetting("url", brief(url), "an http(s) URL, or None for api_url")
        if form is not None and json is not None:
            raise BadSetting("form", "one beside json", "at most one of them")
        if json is not None:
            Override(json=json)  # refuses what JSON cannot hold
        if url is not None:
            self._guard.allow(url)
        self._renew()
        step = api_step(method.upper(), url, form=() if form is not None else None, json=json)
        return self._run("api", step=step, params=params, headers=headers, form=form)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _renew(self) -> None:
        """Refresh a token that has run out, where that was asked for and a refresh token is here."""
        if self.use.auto_refresh and self._flow.tokens is not None:
            self.use.renew()

    @property
    def known(self) -> Flow:
        """All that is known so far, with the token as `use` shows it by now; secrets in plain."""
        return self._as_used(self._flow)

    def _flow_before(self, name: str) -> Flow:
        flow = super()._flow_before(name)
        return self._as_used(flow) if name == "api" else flow

    def _as_used(self, flow: Flow) -> Flow:
        """The flow, with which token goes to the API and how: `use` knows it, for it can be changed on the way."""
        use, choices = self.use, flow.settings.choices
        shown = replace(choices, use=use.token, header_prefix=use.header_prefix, token_in=use.token_in)
        return flow if shown == choices else replace(flow, settings=replace(flow.settings, choices=shown))

    def _later(self) -> tuple[str, ...]:
        """What can be done to tokens of this grant later: an implicit one brings no refresh token (RFC 6749 4.2)."""
        metadata, choices = self._flow.server_metadata, self._flow.settings.choices
        can_revoke = "revocation_endpoint" in (metadata.value if metadata else {}) or choices.issuer is not None
        names = ("revoke",) if self.grant in ("implicit", "client_credentials") else LATER
        return names if can_revoke else tuple(name for name in names if name != "revoke")

    def _auto_refresh_told(self) -> str:
        """Whether tokens are refreshed in time, in words; empty where nobody has said so."""
        use, held = self.use, self._flow.tokens
        if use.auto_refresh and held is not None and not use.refreshes:
            return f"{NOT_AVAILABLE}: {use.obstacle or NO_REFRESH}"
        return "" if use.auto_refresh is None else "on" if use.auto_refresh else "off"

    def _settings_of_route(self) -> dict[str, str]:
        settings, choices = self._flow.settings, self._flow.settings.choices
        shown = {
            "protocol": PLAIN.version,
            "grant": settings.grant if settings.grant != "authorization_code" else None,
            "issuer": choices.issuer,
            "pkce": choices.pkce_method if settings.grant == "authorization_code" else None,
            "api_url": settings.api_url,
        }
        return {name: value for name, value in shown.items() if value}

    def _settings_shown(self) -> dict[str, str]:
        choices, use = self._flow.settings.choices, self.use
        shown = {
            **{name: url for name, url in self._given.urls.items() if url},
            "refresh_url": choices.refresh_url,
            "client authentication": self._flow.client.auth_method if self._flow.client else None,
            "resource": " ".join(choices.resources),
            "audience": " ".join(choices.audiences),
            "response_type": choices.response_type if choices.in_fragment else None,
            "username": choices.username,
            "custom parameters": ", ".join(dict.fromkeys(one.name for one in choices.custom)),
            "header_prefix": repr(use.header_prefix) if use.header_prefix != "Bearer" else None,
            "token_in": use.token_in if use.token_in != "header" else None,
            "use": use.token if use.token != "access_token" else None,
            "auto_refresh": self._auto_refresh_told(),
        }
        told = {name: value for name, value in shown.items() if value}
        return {**super()._settings_shown(), **self._settings_of_route(), **told}
