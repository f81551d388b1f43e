"""What a `Debugger` may be given: arguments that cannot work are refused here, before anything is sent.

Every refusal says what was seen, what was expected and the call that mends it; of a value it repeats a word at most.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.fragments import SHORTEST_FRAGMENT, looks_random
from mcp_oauth_nb.jose import PROOF_ALGORITHMS, PrivateKey, read_key
from mcp_oauth_nb.protocol.client_document import LOCAL, url_problems
from mcp_oauth_nb.protocol.fields import is_field_value, is_token
from mcp_oauth_nb.protocol.flow import AUTH_METHODS, WAYS, Client, ToolCall
from mcp_oauth_nb.protocol.grants import GRANTS, Enterprise
from mcp_oauth_nb.protocol.profiles import AUTO, PROFILES
from mcp_oauth_nb.protocol.step import Override
from mcp_oauth_nb.protocol.wellknown import is_loopback, split
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.vault import Vault

NO_REDIRECT_SCHEMES = frozenset("http javascript data vbscript file blob about ftp ws wss view-source".split())
"""What a redirect URI elsewhere must not begin with: no code travels in the clear, and none is run."""

_USERINFO = re.compile(r"//[^/]*@")


def check_target(
    url: object, protocol: object, client: object, browser: object, on_violation: object, redirect_uri: object
) -> None:
    """Refuse arguments that cannot work, before anything is sent."""
    if not isinstance(url, str) or split(url) is None or any(ord(c) < 33 for c in url):
        raise BadSetting("url", brief(url), "the http(s) URL of an MCP endpoint", "Debugger('https://host/mcp')")
    if not isinstance(protocol, str) or protocol not in (AUTO, *PROFILES):
        raise BadSetting("protocol", brief(protocol), "one of " + ", ".join((AUTO, *PROFILES)))
    if client is not None and not isinstance(client, Client):
        raise BadSetting("client", f"a {type(client).__name__}", "Client('id') or Client('id', secret=getpass())")
    check_behaviour(browser, on_violation, redirect_uri)


def check_behaviour(browser: object, on_violation: object, redirect_uri: object) -> None:
    """Who consents, what a breach leads to, and where the browser comes back to."""
    if browser is not None and browser != "follow" and not callable(browser):
        raise BadSetting("browser", brief(browser), "None, 'follow', or a function of the authorization URL")
    if on_violation not in ("stop", "continue"):
        raise BadSetting("on_violation", brief(on_violation), "'stop' or 'continue'")
    if redirect_uri is not None and not _is_redirect_uri(redirect_uri):
        expected = "an absolute URI without fragment, or None for a free port"
        raise BadSetting("redirect_uri", brief(redirect_uri), expected)


def _is_redirect_uri(value: object) -> bool:
    """An absolute URI without fragment (RFC 6749 3.1.2), of visible characters."""
    if not isinstance(value, str) or any(ord(c) < 33 for c in value):
        return False
    scheme, colon, rest = value.partition(":")
    return bool(colon and rest) and scheme[:1].isalpha() and "#" not in value


def check_redirect(redirect_uri: str | None, allow_remote: object) -> None:
    """A code that is sent elsewhere is somebody else's: only this machine, unless the user says otherwise."""
    if redirect_uri is None or is_loopback(redirect_uri):
        return
    scheme = redirect_uri.partition(":")[0].lower()
    if scheme in NO_REDIRECT_SCHEMES:
        raise BadSetting("redirect_uri", f"the scheme {scheme}", "https, a private-use scheme, or http on this machine")
    if allow_remote is not True:
        where = "an https URI that is not on this machine" if scheme == "https" else f"the private-use scheme {scheme}"
        mend = "allow_remote_redirect=True takes it; the redirect is then pasted."
        raise BadSetting("redirect_uri", where, "a loopback URI such as http://127.0.0.1:8765/callback", mend)


def check_registration(registration: object, client_metadata_url: object, url: str) -> None:
    """A document's URL is the client id itself, so it must be one that the draft allows: https, with a path.

    Plain http is taken on this machine, for local tests, and so is ``"local"``, where the MCP server is here as well.
    """
    if registration not in WAYS:
        raise BadSetting("registration", brief(registration), "one of " + ", ".join(WAYS))
    if client_metadata_url is None:
        return
    if client_metadata_url == LOCAL:
        if not is_loopback(url):
            mend = "Publish dbg.client_document('https://...') and give its URL."
            raise BadSetting("client_metadata_url", "'local' with a server elsewhere", "a URL that it can read", mend)
        return
    expected = "an https URL with a path, http on this machine only, or 'local'"
    if not isinstance(client_metadata_url, str):
        raise BadSetting("client_metadata_url", brief(client_metadata_url), expected)
    wrong = [one.observed for one in url_problems(client_metadata_url) if one.level == "MUST"]
    if any(ord(c) < 33 for c in client_metadata_url):
        wrong.append("white space or a control character")
    if wrong:  # the URL itself is not repeated: it may hold a password
        raise BadSetting("client_metadata_url", " and ".join(wrong), expected)


def check_way(registration: object, client: object, client_metadata_url: object, client_auth_method: object) -> None:
    """A way to a client id that is demanded must be open, and what only one of them takes must not be lost."""
    if registration == "preregistered" and client is None:
        raise BadSetting(
            "client", "none", "a client for registration='preregistered'", "Debugger(url, client=Client('id'))"
        )
    if registration == "cimd" and client_metadata_url is None:
        expected = "the URL of a document for registration='cimd'"
        raise BadSetting("client_metadata_url", "none", expected, "Debugger(url, client_metadata_url='https://...')")
    if client_auth_method is None:
        return
    if client_auth_method not in AUTH_METHODS:
        raise BadSetting("client_auth_method", brief(client_auth_method), "one of " + ", ".join(AUTH_METHODS))
    if client is not None or registration in ("preregistered", "cimd"):
        expected = "it for a client that is registered dynamically"
        mend = "A client of your own says it itself: Client('id', secret=getpass(), auth_method=...)."
        raise BadSetting("client_auth_method", f"{client_auth_method!r} beside another client", expected, mend)


def check_grant(grant: object, assertion: object, enterprise: object, client: object, registration: object) -> None:
    """What a grant needs must be there, and what only another one takes must not."""
    if not isinstance(grant, str) or grant not in GRANTS:
        raise BadSetting("grant", brief(grant), "one of " + ", ".join(GRANTS))
    check_texts(assertion=assertion)
    if bool(assertion) != (grant == "jwt_bearer"):
        seen = f"{'one' if assertion else 'none'} with grant {grant!r}"
        raise BadSetting("assertion", seen, "a JWT with grant='jwt_bearer', and none with another grant")
    if isinstance(enterprise, Enterprise) != (grant == "enterprise") or not isinstance(enterprise, Enterprise | None):
        seen = f"{'none' if enterprise is None else f'a {type(enterprise).__name__}'} with grant {grant!r}"
        raise BadSetting("enterprise", seen, "Enterprise(...) with grant='enterprise', and none with another grant")
    if grant == "authorization_code":
        return
    if client is None or registration not in ("auto", "preregistered"):
        seen = "none" if client is None else f"registration={registration!r}"
        mend = "Debugger(url, grant=..., client=Client('id', secret=getpass()))"
        raise BadSetting("client", seen, f"a client that was registered beforehand, for grant {grant!r}", mend)
    if grant == "client_credentials" and isinstance(client, Client) and client.is_public:
        raise BadSetting("client", "a public one", "one with a secret or key (RFC 6749 4.4)", "Client('id', secret=s)")


def check_dpop(dpop: object, access_token: object) -> None:
    """A token from elsewhere is not bound to a key that is made here."""
    if not isinstance(dpop, bool) and dpop not in PROOF_ALGORITHMS:
        raise BadSetting("dpop", brief(dpop), "True, False, or one of " + ", ".join(PROOF_ALGORITHMS))
    if dpop and access_token:
        raise BadSetting(
            "dpop", f"{dpop!r} with access_token", "no token yet: one from elsewhere is bound to another key"
        )


def check_flags(**given: object) -> None:
    """Each is True or False."""
    for name, value in given.items():
        if not isinstance(value, bool):
            raise BadSetting(name, brief(value), "True or False")


def client_key(client: Client | None) -> PrivateKey | None:
    """The key a client authenticates with, read; None where it has none."""
    return read_key(client.private_key, client.algorithm) if client and client.private_key else None


def check_texts(**given: object) -> None:
    """Each is text, or was left out."""
    for name, value in given.items():
        if value is not None and not isinstance(value, str):
            raise BadSetting(name, f"a {type(value).__name__}", "text")


def check_tokens(**given: object) -> None:
    """Each is a token that a header can hold, or was left out; a pasted one may have a line break at its end."""
    check_texts(**given)
    for name, value in given.items():
        if isinstance(value, str) and not is_field_value(value):
            seen = "one with a line break or control character, or a blank around it"
            raise BadSetting(name, seen, "the token alone", f"{name}=token.strip()")


def is_prefix(value: object) -> bool:
    """Whether it can stand before a token: an authentication scheme (RFC 9110 11.1), or nothing at all."""
    return isinstance(value, str) and (not value or is_token(value))


def check_prefix(value: object) -> None:
    """Refuse what cannot stand before a token."""
    if not is_prefix(value):
        seen = "a text with a blank, line break or separator in it" if isinstance(value, str) else brief(value)
        raise BadSetting("header_prefix", seen, "a word such as 'Bearer' or 'Token', or '' for the token alone")


def one_line_each(headers: Mapping[str, Any]) -> dict[str, str]:
    """Custom headers as they are sent: repeated values joined, those without a value left out."""
    joined = {
        str(name): ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
        for name, value in headers.items()
    }
    return {name: str(value) for name, value in joined.items() if value is not None}


def brief(value: object) -> str:
    """A user's value as an error may show it: a word of it, and nothing that may be a secret in the wrong place.

    Of a URL neither the query nor user and password are shown, and of a word that looks drawn only its length.
    """
    if not isinstance(value, str):
        return repr(type(value).__name__)
    text = _USERINFO.sub("//...@", value.partition("?")[0].partition("#")[0])
    if len(text) >= SHORTEST_FRAGMENT and "://" not in text and looks_random(text):
        return f"{len(text)} characters that look like a secret"
    return repr(text[:80])


def vault_to_share(other: object) -> Vault | None:
    """The vault whose key the tags of a new debugger are to have; None where it is to have one of its own."""
    if other is None:
        return None
    trace = getattr(other, "trace", other)
    expected = "a Debugger of this kernel, or its report or trace"
    if isinstance(other, type) or not isinstance(trace, Trace):
        raise BadSetting("same_tags_as", f"a {type(other).__name__}", expected, "Debugger(url, same_tags_as=dbg)")
    if not trace.vault.keeps_its_key:
        raise BadSetting("same_tags_as", "a run that was loaded", expected, "No file holds the key of its tags.")
    return trace.vault


def tool_call(tool: str | tuple[str, Mapping[str, Any]] | None) -> ToolCall | None:
    """The tool to call: a name, or a name with its arguments."""
    match tool:
        case None:
            return None
        case str():
            return ToolCall(tool)
        case (str(name), Mapping() as arguments):
            Override(json={"arguments": dict(arguments)})  # refuses what JSON cannot hold
            return ToolCall(name, arguments)
    raise BadSetting("tool", f"a {type(tool).__name__}", "a name, or a name with its arguments", "tool=('echo', {})")
