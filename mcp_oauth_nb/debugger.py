"""`Debugger`: what a notebook cell calls. One named call per step, and the calls that look at what was seen.

Every step call returns a `Report`, so that the last line of a cell shows something; how steps are run, and run again,
stands in `stepping`. A report is worked out when it is looked at, so that a run costs little more than its requests.
"""

from __future__ import annotations

import functools
import json
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Literal

from mcp_oauth_nb import views
from mcp_oauth_nb.arguments import (
    brief,
    check_dpop,
    check_flags,
    check_grant,
    check_redirect,
    check_registration,
    check_target,
    check_texts,
    check_tokens,
    check_way,
    client_key,
    one_line_each,
    tool_call,
    vault_to_share,
)
from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.jose import PROOF_ALGORITHMS, new_key, secret_parts
from mcp_oauth_nb.protocol.client_document import LOCAL_PATH, document_for
from mcp_oauth_nb.protocol.elicitation import InputNeeded
from mcp_oauth_nb.protocol.flow import AuthMethod, Client, Flow, Registration, Settings, Tokens, need
from mcp_oauth_nb.protocol.grants import Enterprise, Grant
from mcp_oauth_nb.protocol.profiles import AUTO, MODERN, PROFILES
from mcp_oauth_nb.protocol.step import Edits, Override
from mcp_oauth_nb.redact import learn_settings, mask_text
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.steps.mcp import call_step
from mcp_oauth_nb.steps.probes import PROBES
from mcp_oauth_nb.varying import Varier
from mcp_oauth_nb.wire.addresses import Guard
from mcp_oauth_nb.wire.callback import Listener, local_document_url
from mcp_oauth_nb.wire.driver import Browser, Driver
from mcp_oauth_nb.wire.http import Wire, seconds
from mcp_oauth_nb.wire.learning import LearningVault


class Debugger(Varier):
    """Walks the OAuth authorization of one MCP server, step by step.

    Args:
        url: the MCP endpoint, exactly as a client would be configured with it.
        protocol: the MCP protocol version to follow; ``"auto"`` tells it from the server's answers.
        registration: ``"auto"`` takes the first way to a client id that is open; or ``"preregistered"``, ``"cimd"``
            (client ID metadata document), ``"dcr"`` (dynamic client registration).
        client: a pre-registered ``Client(id, secret=...)`` or ``Client(id, private_key=...)``; None registers one
            dynamically.
        client_auth_method: how a client that is registered dynamically is to authenticate: ``"none"``,
            ``"client_secret_basic"`` or ``"client_secret_post"``; None takes what the server lists.
        client_metadata_url: the https URL of your client ID metadata document; plain http on this machine, for local
            tests. ``"local"`` serves the document from this process, beside the redirect URI, for an authorization
            server on the same machine.
        authorization_server: the issuer to use where the resource names several; None takes the first.
        path_scoped_issuer: look for the authorization server's metadata under the path of `url` as well, where the
            issuer has no path of its own. No specification says so, but servers with one configuration per tenant do.
        initial_access_token: what a closed registration endpoint wants to see (RFC 7591 3).
        software_statement: a signed statement passed through to the registration endpoint (RFC 7591 2.3).
        scope: the scope to ask for; None takes what the server asks for, an empty string sends none.
        resource: the resource indicator; None takes it byte for byte as published, an empty string sends none.
        redirect_uri: where the browser comes back to; None takes a free port of this machine.
        allow_remote_redirect: take a `redirect_uri` that is not on this machine: https elsewhere, or a private-use
            scheme. The redirect cannot be listened for, and is pasted.
        browser: who fetches the redirect: None a person, ``"follow"`` this process (for servers that consent by
            themselves), or a function from the authorization URL to the redirect URL.
        headers: extra headers for the MCP server's origin, and for no other.
        allow_hosts: hosts that a server may send us to whatever they resolve to: ``("idp.internal", "10.0.0.5")``.
            URLs that a server names are otherwise not fetched over plain http where yours is https, nor from loopback,
            private, link-local and other inner addresses, unless yours is of that kind itself. Through a proxy only an
            address that stands in the URL can be checked.
        verify: True, the path of a CA bundle in PEM, or False.
        step_timeout_s: the deadline of one request, in seconds.
        callback_timeout_s: how long `callback` waits for a person, in seconds.
        on_violation: "stop" where the protocol says that a client must not go on, or "continue".
        access_token: a token you already have: `mcp` then works at once.
        tool: the name of a tool for `mcp` to call, or ``(name, arguments)``; none is called unless named.
        grant: what a token is asked for with: ``"authorization_code"``; or, without a browser and with a client that
            was registered beforehand, ``"client_credentials"``, ``"jwt_bearer"`` (with `assertion`), ``"enterprise"``
            (with `enterprise`).
        assertion: the JWT for the grant ``"jwt_bearer"``, such as the token of a workload (RFC 7523 2.1).
        enterprise: an ``Enterprise(...)`` with the identity provider and the user's ID token.
        dpop: bind tokens to a key that this debugger makes and keeps in memory (RFC 9449); it is of an algorithm that
            the servers list, or of the one that is named: ``dpop="PS256"``.
        same_tags_as: another debugger (or its report or trace): one secret then has the same tag in both, so that
            `compare` and every reader can tell that two runs carry the same one. That, and nothing else of a secret, is
            what it gives away. The key of the tags stays in memory.

    Raises:
        BadSetting: an argument cannot work; the message says what is expected.
    """

    def __init__(
        self,
        url: str,
        *,
        protocol: str = AUTO,
        registration: Registration = "auto",
        client: Client | None = None,
        client_auth_method: AuthMethod | None = None,
        client_metadata_url: str | None = None,
        authorization_server: str | None = None,
        initial_access_token: str | None = None,
        software_statement: str | None = None,
        scope: str | None = None,
        resource: str | None = None,
        redirect_uri: str | None = None,
        allow_remote_redirect: bool = False,
        browser: Browser = None,
        headers: Mapping[str, str] | None = None,
        allow_hosts: Collection[str] = (),
        verify: bool | str | Path = True,
        step_timeout_s: float = 30,
        callback_timeout_s: float = 300,
        on_violation: Literal["stop", "continue"] = "stop",
        access_token: str | None = None,
        tool: str | tuple[str, Mapping[str, Any]] | None = None,
        grant: Grant = "authorization_code",
        assertion: str | None = None,
        enterprise: Enterprise | None = None,
        dpop: bool | str = False,
        path_scoped_issuer: bool = False,
        same_tags_as: Any = None,
    ) -> None:
        given = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        # A closure, because the repr of a partial shows its arguments, and some are secrets.
        self._same: Callable[[Mapping[str, Any]], Debugger] = lambda changes: Debugger(**{**given, **changes})
        check_target(url, protocol, client, browser, on_violation, redirect_uri)
        check_redirect(redirect_uri, allow_remote_redirect)
        check_registration(registration, client_metadata_url, url)
        check_way(registration, client, client_metadata_url, client_auth_method)
        check_flags(path_scoped_issuer=path_scoped_issuer)
        check_texts(scope=scope, resource=resource, software_statement=software_statement)
        check_grant(grant, assertion, enterprise, client, registration)
        check_dpop(dpop, access_token)
        check_texts(authorization_server=authorization_server)
        check_tokens(access_token=access_token, initial_access_token=initial_access_token)
        custom = Override(headers={} if headers is None else headers).headers
        vault = LearningVault(vault_to_share(same_tags_as))
        learn_settings(vault, custom, url)
        for secret, kind in (
            (client and client.secret, "client_secret"),
            (access_token, "access_token"),
            (initial_access_token, "initial_access_token"),
            (software_statement, "software_statement"),
            (assertion, "assertion"),
            (enterprise and enterprise.id_token, "id_token"),
            (enterprise and enterprise.idp_client_secret, "client_secret"),
            *((part, "private_key") for part in secret_parts((client and client.private_key) or "")),
        ):
            if secret:
                vault.learn(secret, kind)
        listener = Listener(redirect_uri)
        document_url = local_document_url(listener, client_metadata_url)
        typed = (authorization_server, document_url, enterprise.idp_token_endpoint if enterprise else None)
        wire = Wire(verify=verify, timeout_s=step_timeout_s, guard=Guard(url, allow_hosts, typed))
        driver = Driver(
            wire,
            listener,
            vault,
            custom=one_line_each(custom),
            browser=browser,
            callback_timeout_s=seconds("callback_timeout_s", callback_timeout_s),
        )
        keys = functools.cache(new_key)
        settings = Settings(
            url=url,
            profile=MODERN if protocol == AUTO else PROFILES[protocol],
            auto=protocol == AUTO,
            registration=registration,
            client_auth_method=client_auth_method,
            client_metadata_url=document_url,
            authorization_server=authorization_server,
            path_scoped_issuer=path_scoped_issuer,
            initial_access_token=initial_access_token,
            software_statement=software_statement,
            redirect_uri=listener.redirect_uri,
            entropy=secrets.token_bytes,
            client=client,
            scope=scope,
            resource=resource,
            tool=tool_call(tool),
            on_violation=on_violation,
            grant=grant,
            assertion=assertion,
            enterprise=enterprise,
            clock=time.time,
            client_key=client_key(client),
            dpop_key=keys(PROOF_ALGORITHMS[0] if dpop is True else dpop) if dpop else None,
            dpop_keys=keys if dpop is True else None,
            step_timeout_s=wire.timeout_s,
        )
        if document_url is not None and document_url == listener.beside(LOCAL_PATH):
            listener.publish(LOCAL_PATH, json.dumps(document_for(settings, document_url)).encode())
        tokens = Tokens(access_token) if access_token else None
        super().__init__(Flow(settings, tokens=tokens), driver, vault, verify)

    def __repr__(self) -> str:
        done = [run.step for run in self._driver.runs]
        return f"<Debugger {mask_text(self._vault, self._flow.settings.url)} after {done[-1] if done else 'no step'}>"

    # -- the steps ----------------------------------------------------------------------------------------------

    def challenge(self, *, headers: Edits | None = None, json: Edits | None = None) -> Report:
        """Send an MCP request without a token, to see the challenge (RFC 9728 5.1)."""
        return self._run("challenge", headers=headers, json=json)

    def resource_metadata(self, *, params: Edits | None = None, headers: Edits | None = None) -> Report:
        """Request the protected resource metadata (RFC 9728)."""
        return self._run("resource_metadata", params=params, headers=headers)

    def register(self, *, headers: Edits | None = None, json: Edits | None = None) -> Report:
        """Register a client dynamically (RFC 7591), or take the one given as ``client=``."""
        return self._run("register", headers=headers, json=json)

    def client_document_check(self, *, headers: Edits | None = None) -> Report:
        """Probe: read your client ID metadata document as an authorization server would, and judge it."""
        return self.probe("client_document_check", headers=headers)

    def mcp(
        self,
        method: str | None = None,
        params: Mapping[str, Any] | None = None,
        *,
        headers: Edits | None = None,
        json: Edits | None = None,
    ) -> Report:
        """Use the token: open a session and list the tools; or, with a method, send that request in the session.

        Args:
            method: any JSON-RPC method, such as ``"tools/call"``; None runs the step of the flow.
            params: its parameters, such as ``{"name": "echo", "arguments": {"text": "hello"}}``.
            headers: changes to the headers of every request of the step; None removes one.
            json: changes to the members of the JSON-RPC message; None removes one.
        """
        if method is None:
            return self._run("mcp", headers=headers, json=json)
        check_texts(method=method)
        if params is not None and not isinstance(params, Mapping):
            raise BadSetting("params", f"a {type(params).__name__}", "a mapping", "mcp('tools/call', {'name': 'echo'})")
        Override(json={"params": dict(params or {})})  # refuses what JSON cannot hold
        if self._flow.session is None:
            opened = self._run("mcp", headers=headers)
            if self._flow.session is None:
                return opened
        return self._run("call", step=call_step(method, params or {}), headers=headers, json=json)

    def revoked(self, *, headers: Edits | None = None) -> Report:
        """Probe: use the revoked access token. A healthy server answers 401."""
        return self._run("revoked", headers=headers)

    def registration(self, *, headers: Edits | None = None) -> Report:
        """Read what a dynamic registration left at the authorization server (RFC 7592 2.1)."""
        return self._run("registration", headers=headers)

    def unregister(self, *, headers: Edits | None = None) -> Report:
        """Remove the client that was registered dynamically (RFC 7592 2.3); its tokens should end with it."""
        return self._run("unregister", headers=headers)

    # -- probes: what an ordinary client would not send; they change nothing of the flow ----------------------------

    def probe(
        self,
        name: str,
        *,
        params: Edits | None = None,
        form: Edits | None = None,
        headers: Edits | None = None,
        json: Edits | None = None,
    ) -> Report:
        """Run a probe by its name, with whatever is known so far.

        Raises:
            BadSetting: there is no such probe; the message lists those there are.
        """
        if not isinstance(name, str) or name not in PROBES:
            raise BadSetting("probe(name)", brief(name), "one of " + ", ".join(PROBES))
        return self._run(name, params=params, form=form, headers=headers, json=json)

    def well_known(self, *, headers: Edits | None = None) -> Report:
        """Probe: ask every location at which a metadata document may be, also those that no client comes to."""
        return self.probe("well_known", headers=headers)

    # -- looking --------------------------------------------------------------------------------------------------

    @property
    def input_needed(self) -> InputNeeded | None:
        """What the MCP server wants of you before it answers a request; None where it wants nothing."""
        return self._flow.input_needed

    def client_document(self, url: str | None = None) -> views.ClientDocument:
        """The client ID metadata document that fits this debugger's settings, to be published at `url`.

        Args:
            url: where it will stand; None takes ``client_metadata_url``.

        Raises:
            NotYet: there is no URL.
        """
        settings = self._flow.settings
        check_texts(url=url)
        where = need(url or settings.client_metadata_url, "URL", "dbg.client_document('https://.../client.json')")
        from mcp_oauth_nb.evidence.save import save_document  # noqa: PLC0415 - what only files need

        return views.ClientDocument(document_for(settings, where), where, self._vault, save_document)

    def again(self, *, same_tags: bool = False, **changes: Any) -> Debugger:
        """A new debugger with the same settings, before its first step.

        Args:
            same_tags: give one secret the same tag in both, see ``same_tags_as``.
            **changes: settings that are to be others, such as ``protocol="2025-06-18"``. With another ``url`` the
                secrets that were given for this one go to that one.

        Raises:
            BadSetting: there is no such setting, or it cannot work.
        """
        check_flags(same_tags=same_tags)
        return super().again(**({"same_tags_as": self, **changes} if same_tags else changes))
