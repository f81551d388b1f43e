"""What a recorded run of a plain OAuth 2.0 API was made with: the arguments of an `OAuth2`, as far as it can be told.

Endpoints, grant and choices stand in the settings. Of custom parameters the settings have the names; the values are in
the requests. What holds a secret is named as `Missing`, with the argument that has to be given anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mcp_oauth_nb.evidence.restore import (
    Missing,
    Restored,
    is_by_hand,
    missing_around,
    parameters_sent,
    restored_around,
)
from mcp_oauth_nb.protocol.parameters import Parameter, Place
from mcp_oauth_nb.records import Exchange, Trace
from mcp_oauth_nb.redact import mask_text, redact
from mcp_oauth_nb.vault import TAG

URLS = (
    "authorization_url",
    "token_url",
    "issuer",
    "device_url",
    "refresh_url",
    "revocation_url",
    "introspection_url",
    "userinfo_url",
    "api_url",
)
"""The arguments that say where requests go."""
AS_THEY_ARE = (*URLS, "client_id", "scope", "username", "response_type", "token_in", "use", "on_violation")
SEVERAL = ("resource", "audience")
CLIENT_AUTH: Mapping[str, str] = {"client_secret_basic": "basic", "client_secret_post": "body", "none": "none"}
"""How a client authenticates, by its method in metadata (RFC 7591 2)."""
PARAMETERS: Mapping[str, str] = {
    "authorization_params": "authorize",
    "token_params": "token",
    "refresh_params": "refresh",
}
"""The arguments with custom parameters, and the step that sends them."""


def oauth2_settings_of(trace: Trace) -> Restored:
    """The arguments that a run was made with, and what of them no evidence holds."""
    told = trace.settings
    found: dict[str, Any] = {name: told[name] for name in AS_THEY_ARE if name in told}
    found |= {name: told[name].split() for name in SEVERAL if told.get(name)}
    found["grant"] = told.get("grant", "authorization_code_pkce" if "pkce" in told else "authorization_code")
    if "pkce" in told:
        found["pkce_method"] = told["pkce"]
    if "header_prefix" in told:
        found["header_prefix"] = told["header_prefix"][1:-1]
    if (method := told.get("client authentication", "")) in CLIENT_AUTH:
        found["client_auth"] = CLIENT_AUTH[method]
    found |= restored_around(trace)
    missing = list(_missing(trace))
    for argument, step in PARAMETERS.items():
        sent = tuple(_custom_parameters(trace, step))
        if any(TAG.search(one.value) for one in sent):
            names = ", ".join(dict.fromkeys(mask_text(trace.vault, one.name) for one in sent))
            missing.append(Missing(argument, f"a secret among {names}", "all of them", f"{argument}={{...}}"))
        elif sent:
            found[argument] = sent
    return Restored(found, tuple(missing))


def _custom_parameters(trace: Trace, step: str) -> Iterator[Parameter]:
    """The custom parameters that a step sent, masked; what was changed by hand comes back as an edit."""
    names = [name for one in trace.settings.get("custom parameters", "").split(",") if (name := one.strip())]
    run = trace.run(step)
    sent = [one for one in trace.of(run) if one.hop == 0] if run else []
    if not sent:
        return
    request, edited = redact(sent[-1]).request, {one.partition(".")[2] for one in sent[-1].edited}
    there: tuple[tuple[Place, Sequence[tuple[str, str]]], ...] = (
        ("url", parameters_sent(request, "params")),
        ("body", parameters_sent(request, "form")),
        ("header", request.headers),
    )
    for name in dict.fromkeys(names):
        if name not in edited:
            yield from (Parameter(name, value, place) for place, pairs in there for key, value in pairs if key == name)


def _missing(trace: Trace) -> Iterator[Missing]:
    told = trace.settings
    for name in URLS:
        if TAG.search(mask_text(trace.vault, told.get(name, ""))):
            yield Missing(name, "a URL with a secret in it", "the whole URL", f"{name}='https://...'")
    method = told.get("client authentication")
    if method in ("client_secret_basic", "client_secret_post"):
        yield Missing(
            "client_secret", "a client whose secret no evidence holds", "the secret", "client_secret=getpass()"
        )
    if method == "private_key_jwt":
        call = "client=Client('id', private_key=pem)"
        yield Missing("client", "a client whose private key no evidence holds", "the client, with it", call)
    if told.get("grant") == "password":
        yield Missing("password", "none, no evidence holds it", "the password", "password=getpass()")
    if told.get("response_type", "") not in ("", "token"):
        yield Missing("nonce", "one of the record's own", "the nonce for the ID token", "nonce='...'")
    if is_by_hand(trace, "api"):
        seen = "an access token that was given by hand"
        yield Missing("access_token", seen, "a token for this API", "access_token=getpass()")
    yield from missing_around(trace)


def is_plain_call(one: Exchange, told: Mapping[str, str]) -> bool:
    """Whether a request to the API is the one that `OAuth2.api` makes, and no other that was typed."""
    return (
        one.request.method == "GET" and one.request.url.partition("?")[0] == told.get("api_url", "").partition("?")[0]
    )
