"""Faults of the metadata URL that the challenge names."""

from ..answers import Answer, Asked
from ..fault import answers
from ..oauth import MCP, RESOURCE_METADATA


def renamed(answer: Answer, url: str) -> Answer:
    """The challenge with another metadata URL; `url` is written as it stands, quotes included."""
    if answer.status != 401:
        return answer
    return answer.with_header("www-authenticate", f'Bearer resource_metadata={url}, scope="mcp:tools"')


@answers(
    "metadata-url-relative",
    MCP,
    phase="challenge",
    summary="The challenge names the metadata by a path alone, without scheme and host.",
    trips="challenge-metadata-url",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return renamed(answer, f'"{RESOURCE_METADATA}"')


@answers(
    "metadata-url-null",
    MCP,
    phase="challenge",
    summary="The challenge names a metadata URL that begins with the word null in place of an origin.",
    trips="challenge-metadata-url",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return renamed(answer, f'"null{RESOURCE_METADATA}"')


@answers(
    "metadata-url-unquoted",
    MCP,
    phase="challenge",
    summary="The challenge gives the metadata URL without quotes, which its grammar does not allow.",
    trips="challenge-malformed",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.with_header("www-authenticate", answer.header("www-authenticate").replace('"', ""))


@answers(
    "metadata-url-internal",
    MCP,
    phase="resource_metadata",
    summary="The challenge names the metadata by the address that the server has behind its proxy.",
    trips="challenge-metadata-foreign",
    cause="public-url-unknown",
    caused_in="challenge",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return renamed(answer, f'"http://localhost:1{RESOURCE_METADATA}"')


@answers(
    "metadata-url-plain-http",
    MCP,
    phase="challenge",
    summary="The challenge names a metadata URL over plain http, as a server behind a TLS proxy builds it.",
    trips="challenge-metadata-url",
    who="MCP server",
    also=("challenge-metadata-foreign",),
)
def _(asked: Asked, answer: Answer) -> Answer:
    return renamed(answer, f'"http://mcp.invalid{RESOURCE_METADATA}"')


@answers(
    "metadata-url-misbuilt",
    MCP,
    phase="resource_metadata",
    summary="The challenge names a metadata URL with the well-known part behind the path, where nothing is served.",
    trips="resource-metadata-missing",
    cause="metadata-url-wrong",
    caused_in="challenge",
    who="MCP server",
    how={"protocol": "2025-11-25"},
)
def _(asked: Asked, answer: Answer) -> Answer:
    host = asked.header("host")
    return renamed(answer, f'"http://{host}{MCP}/.well-known/oauth-protected-resource"')
