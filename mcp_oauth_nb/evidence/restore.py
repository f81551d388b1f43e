"""What a recorded run was made with, as far as it can be told without its secrets: settings, steps and edits.

Evidence holds tags where secrets were. So what needs one is named as `Missing`, with the argument that has to be given
anew; an edit that holds one is left out and named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from mcp_oauth_nb.protocol.client_document import LOCAL, LOCAL_PATH
from mcp_oauth_nb.protocol.flow import Client
from mcp_oauth_nb.protocol.profiles import AUTO
from mcp_oauth_nb.protocol.wellknown import is_loopback
from mcp_oauth_nb.records import Exchange, Request, Run, Trace, current_exchanges, read_json
from mcp_oauth_nb.redact import mask_text, redact
from mcp_oauth_nb.rules.evidence import form
from mcp_oauth_nb.vault import TAG

AS_THEY_ARE = ("grant", "scope", "resource", "registration", "client_auth_method", "on_violation")
"""Settings that a trace holds under the name of the argument."""
FOLLOW = "follow"
PARTS = ("params", "form", "headers", "json")


class Missing(NamedTuple):
    """An argument that has to be given anew: what evidence shows of it, what is expected, and the call.

    Attributes:
        argument: the name of the argument.
        seen: what the evidence holds in its place.
        expected: what is to be given.
        call: how.
    """

    argument: str
    seen: str
    expected: str
    call: str


@dataclass(frozen=True, repr=False)
class Restored:
    """The arguments of a debugger that makes the same run, and those that are missing."""

    settings: Mapping[str, Any]
    missing: tuple[Missing, ...]

    def __repr__(self) -> str:
        return f"<Restored {len(self.settings)} settings, {len(self.missing)} missing>"


def settings_of(trace: Trace) -> Restored:
    """The settings that a run was made with, and what of them no evidence holds.

    A redirect URI on this machine is left to be a free port; the protocol version is told anew where it was told. What
    makes a run less safe (`verify`, a redirect URI elsewhere) is the user's to say again: the file may be a stranger's.
    """
    told = trace.settings
    found: dict[str, Any] = {name: told[name] for name in AS_THEY_ARE if name in told}
    found["url"] = told.get("url", "")
    found["protocol"] = AUTO if "protocol told" in told else told.get("protocol", AUTO)
    if "issuer chosen" in told:
        found["authorization_server"] = told["issuer chosen"]
    found |= {name: True for name in ("dpop", "path_scoped_issuer") if name in told}
    if "dpop algorithm chosen" in told:
        found["dpop"] = told["dpop algorithm chosen"]
    found |= {name.strip(): "" for name in told.get("left out", "").split(",") if name.strip()}
    if "client_metadata_url" in told:
        url = told["client_metadata_url"]
        found["client_metadata_url"] = LOCAL if is_loopback(url) and url.endswith(LOCAL_PATH) else url
    found |= restored_around(trace)
    if (tool := tool_of(trace)) is not None:
        found["tool"] = tool
    missing = tuple(_missing(trace))
    if "client_id" in told and "client" not in {one.argument for one in missing}:
        found["client"] = Client(told["client_id"])
    return Restored(found, missing)


def restored_around(trace: Trace) -> dict[str, Any]:
    """What every flow has, of any kind: who goes to the authorization server."""
    return {"browser": FOLLOW} if trace.settings.get("browser") == FOLLOW else {}


def edits_of(trace: Trace, run: Run) -> tuple[dict[str, dict[str, Any]], tuple[str, ...]]:
    """The edits of a run by part and name, None for what was removed; and those left out because of a secret."""
    edits: dict[str, dict[str, Any]] = {}
    left_out: list[str] = []
    for one in trace.of(run):
        for edited in one.edited:
            part, dot, name = edited.partition(".")
            if not dot or part not in PARTS or name in edits.get(part, {}):
                continue
            value = _edited(one, part, name)
            if TAG.search(str(value)):
                left_out.append(mask_text(trace.vault, f"{run.step}: {edited}"))
            else:
                edits.setdefault(part, {})[name] = value
    return edits, tuple(dict.fromkeys(left_out))


def call_of(trace: Trace, run: Run) -> tuple[str, Mapping[str, Any]] | None:
    """The JSON-RPC request that an extra call sent; None where it cannot be told without a secret."""
    for one in reversed(trace.of(run)):
        sent = read_json(redact(one).request.body).value
        if isinstance(sent, dict) and isinstance(sent.get("method"), str) and not TAG.search(str(sent.get("params"))):
            params = sent.get("params")
            given = params.items() if isinstance(params, dict) else ()
            return sent["method"], {name: value for name, value in given if name != "_meta"}
    return None


def _edited(one: Exchange, part: str, name: str) -> Any:
    """What an edit put into the request, masked; None where it removed it. A name that stands twice gives a list."""
    request = redact(one).request
    if part == "headers":
        values = [value for key, value in request.headers if key.lower() == name.lower()]
    elif part == "json":
        document = read_json(request.body).value
        return document.get(name) if isinstance(document, dict) else None
    else:
        values = [value for key, value in parameters_sent(request, part) if key == name]
    return None if not values else values[0] if len(values) == 1 else values


def parameters_sent(request: Request, part: str) -> list[tuple[str, str]]:
    """The parameters of a masked query (``params``) or form; a tag, which has a number sign and blanks, is whole."""
    text = request.url.partition("?")[2] if part == "params" else request.body.decode("utf-8", "replace")
    tags = {f"\ue000{at}\ue001": tag for at, tag in enumerate(TAG.findall(text))}
    for mark, tag in tags.items():
        text = text.replace(tag, mark)
    text = text.partition("#")[0] if part == "params" else text
    return [(name, _with_tags(value, tags)) for name, value in parse_qsl(text, keep_blank_values=True)]


def _with_tags(value: str, tags: Mapping[str, str]) -> str:
    for mark, tag in tags.items():
        value = value.replace(mark, tag)
    return value


def tool_of(trace: Trace) -> tuple[str, Mapping[str, Any]] | None:
    """The tool that the flow called, with its arguments."""
    run = trace.run("mcp")
    called = call_of(trace, run) if run else None
    if called is None or called[0] != "tools/call" or not isinstance(called[1].get("name"), str):
        return None
    arguments = called[1].get("arguments")
    return called[1]["name"], arguments if isinstance(arguments, dict) else {}


def _missing(trace: Trace) -> Iterator[Missing]:
    """What has to be given anew."""
    told, current = trace.settings, list(current_exchanges(trace))
    if TAG.search(mask_text(trace.vault, told.get("url", ""))):
        yield Missing("url", "a URL with a secret in it", "the URL of the MCP endpoint", "replay(file, url)")
    if "client_id" in told and (how := _authenticated(current)):
        call = (
            "client=Client('id', private_key=pem)" if how == "private_key" else "client=Client('id', secret=getpass())"
        )
        yield Missing("client", f"a client whose {how} no evidence holds", "the client, with it", call)
    if is_by_hand(trace, "mcp"):
        seen = "an access token that was given by hand"
        yield Missing("access_token", seen, "a token for this server", "access_token=getpass()")
    if _bears_token(trace, "register"):
        yield Missing("initial_access_token", "one, as a tag", "the token itself", "initial_access_token=getpass()")
    if any(_has(one, "software_statement") for one in current if one.step == "register"):
        yield Missing("software_statement", "one, as a tag", "the statement itself", "software_statement=getpass()")
    if told.get("grant") == "jwt_bearer":
        yield Missing("assertion", "one, as a tag", "the JWT of the grant", "assertion=getpass()")
    if told.get("grant") == "enterprise":
        call = "enterprise=Enterprise(endpoint, client_id, getpass())"
        yield Missing("enterprise", "an ID token as a tag", "Enterprise(...) with the user's ID token", call)
    yield from missing_around(trace)


def missing_around(trace: Trace) -> Iterator[Missing]:
    """What has to be given anew of what every flow has, of any kind."""
    told = trace.settings
    if "custom headers" in told:
        seen = f"only their names: {mask_text(trace.vault, told['custom headers'])}"
        yield Missing("headers", seen, "the header fields with their values", "headers={'X-Api-Key': getpass()}")
    if told.get("browser", FOLLOW) != FOLLOW:
        expected = "a function from the authorization URL to the redirect URL, or 'follow'"
        yield Missing("browser", "a function of the record's own", expected, "browser=open_and_log_in")
    if told.get("verify"):
        seen = f"{told['verify']}, which no file decides"
        yield Missing("verify", seen, "True, the path of a CA bundle, or False", "verify='ca.pem'")
    if not is_loopback(told.get("redirect_uri", "http://127.0.0.1/")):
        call = "redirect_uri='https://...', allow_remote_redirect=True"
        yield Missing("redirect_uri", "one that is not on this machine", "the one that codes may be sent to", call)


def _authenticated(current: list[Exchange]) -> str:
    """With what the client authenticated at the token endpoint; empty for nothing."""
    for one in current:
        if one.request.method != "POST" or one.step not in ("token", "refresh", "revoke", "introspect"):
            continue
        sent = form(one)
        if "client_assertion" in sent:
            return "private_key"
        if "client_secret" in sent or (one.request.header("authorization") or "").lower().startswith("basic "):
            return "secret"
    return ""


def _has(one: Exchange, member: str) -> bool:
    value = one.request.parsed.value
    return isinstance(value, dict) and member in value


def is_by_hand(trace: Trace, step: str) -> bool:
    """Whether a step used a token that none was asked for."""
    return trace.run(step) is not None and trace.run("token") is None and _bears_token(trace, step)


def _bears_token(trace: Trace, step: str) -> bool:
    run = trace.run(step)
    return run is not None and any(one.request.header("authorization") for one in trace.of(run))
