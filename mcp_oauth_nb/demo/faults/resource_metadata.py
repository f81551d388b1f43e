"""Faults of the protected resource metadata."""

import gzip
from dataclasses import replace

from ..answers import Answer, Asked
from ..fault import answers, instead
from ..oauth import MCP, RESOURCE_METADATA, SERVER_METADATA
from .challenge import PAGE, at_the_edge

OTHER = "https://other.example"
EVERY_RESOURCE_METADATA = (f"{RESOURCE_METADATA}*", "/.well-known/oauth-protected-resource")


@answers(
    "wrong-resource",
    RESOURCE_METADATA,
    phase="resource_metadata",
    summary="The protected resource metadata names the URL of another server as its resource.",
    trips="resource-mismatch",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(resource=f"{OTHER}/mcp")


@answers(
    "resource-of-inner-address",
    RESOURCE_METADATA,
    phase="resource_metadata",
    summary="The metadata names as its resource what the server sees behind its proxy: https lost on the way.",
    trips="resource-mismatch",
    cause="resource-of-inner-address",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(resource=f"https://{asked.header('host')}{MCP}")


@answers(
    "resource-with-slash",
    RESOURCE_METADATA,
    phase="callback",
    summary="The metadata's resource has a slash at its end that the URL of the MCP server has not.",
    trips="resource-mismatch",
    cause="resource-spelled-differently",
    caused_in="resource_metadata",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(resource=f"{(answer.json or {}).get('resource', '')}/")


@answers(
    "resource-is-origin",
    RESOURCE_METADATA,
    phase="callback",
    summary="The metadata's resource is the origin alone, although the MCP endpoint has a path.",
    trips="resource-mismatch",
    cause="resource-is-parent",
    caused_in="resource_metadata",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(resource=f"http://{asked.header('host')}")


@answers(
    "resource-no-url",
    RESOURCE_METADATA,
    phase="resource_metadata",
    summary="The metadata's resource is a name in place of a URL.",
    trips="resource-malformed",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(resource="urn:mcp:demo")


@instead(
    "metadata-behind-login",
    *EVERY_RESOURCE_METADATA,
    phase="resource_metadata",
    summary="The metadata that says how to get a token can be read only with a token.",
    trips="resource-metadata-missing",
    cause="metadata-behind-login",
    who="MCP server",
)
def _(asked: Asked) -> Answer | None:
    here = f"http://{asked.header('host')}{asked.path}"
    return Answer(401, (("www-authenticate", f'Bearer resource_metadata="{here}"'),))


@answers(
    "no-resource-metadata",
    MCP,
    *EVERY_RESOURCE_METADATA,
    phase="resource_metadata",
    summary="The challenge names no metadata, and every well-known URL of it gives 404.",
    trips="resource-metadata-missing",
    cause="metadata-not-published",
    who="MCP server",
    how={"protocol": "2025-11-25"},
    also=("challenge-scope-missing",),
)
def _(asked: Asked, answer: Answer) -> Answer:
    if asked.path != MCP:
        return Answer.of_json(404, {"error": "not_found"})
    return answer.with_header("www-authenticate", 'Bearer scope="mcp:tools"') if answer.status == 401 else answer


@instead(
    "resource-metadata-html",
    *EVERY_RESOURCE_METADATA,
    phase="resource_metadata",
    summary="A catch-all route of the web front end answers the metadata URL with the start page.",
    trips="resource-metadata-missing",
    cause="page-in-place-of-metadata",
    who="MCP server",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_html(200, PAGE.format("Welcome"))


@instead(
    "firewall-refuses-discovery",
    *EVERY_RESOURCE_METADATA,
    phase="resource_metadata",
    summary="A firewall takes the client for a bot and refuses the metadata, while the MCP endpoint answers.",
    trips="resource-metadata-missing",
    cause="edge-refuses-discovery",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    return None if "Mozilla" in asked.header("user-agent") else at_the_edge(403, "Just a moment...")


@answers(
    "resource-metadata-compressed",
    RESOURCE_METADATA,
    phase="resource_metadata",
    summary="The metadata is sent compressed, and no header says so.",
    trips="resource-metadata-missing",
    cause="compressed-without-saying",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return replace(answer, body=gzip.compress(answer.body, mtime=0))


@answers(
    "metadata-with-byte-order-mark",
    RESOURCE_METADATA,
    phase="resource_metadata",
    summary="The metadata begins with a byte order mark.",
    trips="metadata-byte-order-mark",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return replace(answer, body=b"\xef\xbb\xbf" + answer.body)


@answers(
    "resource-metadata-as-text",
    RESOURCE_METADATA,
    phase="resource_metadata",
    summary="The metadata is served as text/plain.",
    trips="resource-metadata-media-type",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.with_header("content-type", "text/plain")


@answers(
    "no-authorization-server",
    RESOURCE_METADATA,
    phase="resource_metadata",
    summary="The metadata names no authorization server.",
    trips="authorization-servers-missing",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(authorization_servers=None)


@answers(
    "authorization-server-is-resource",
    RESOURCE_METADATA,
    phase="server_metadata",
    summary="The metadata names the MCP server's own URL as its authorization server, which it is not.",
    trips="server-metadata-missing",
    cause="issuer-is-the-resource",
    caused_in="resource_metadata",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(authorization_servers=[f"http://{asked.header('host')}{MCP}"])


@answers(
    "authorization-server-gone",
    RESOURCE_METADATA,
    phase="server_metadata",
    summary="The metadata names an authorization server at which nobody listens any more.",
    trips="unreachable",
    cause="dead-authorization-server",
    caused_in="resource_metadata",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(authorization_servers=["http://127.0.0.1:1"])


@answers(
    "authorization-server-by-metadata-url",
    RESOURCE_METADATA,
    phase="resource_metadata",
    summary="The metadata lists the URL of the authorization server's metadata in place of its issuer.",
    trips="authorization-servers-malformed",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(authorization_servers=[f"http://{asked.header('host')}{SERVER_METADATA}"])


@answers(
    "metadata-empty-member",
    RESOURCE_METADATA,
    phase="resource_metadata",
    summary="The metadata sends an empty list in place of leaving the member out.",
    trips="metadata-empty-members",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(resource_signing_alg_values_supported=[])


@answers(
    "tokens-in-the-body",
    RESOURCE_METADATA,
    phase="resource_metadata",
    summary="The metadata says that tokens are read from the body only, where no MCP client puts them.",
    trips="header-tokens-unsupported",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(bearer_methods_supported=["body"])


@answers(
    "resource-not-listed",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The authorization server lists the resources it protects without this one.",
    trips="resource-not-listed",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(protected_resources=[f"{OTHER}/mcp"])
