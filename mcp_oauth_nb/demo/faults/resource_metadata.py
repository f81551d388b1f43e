"""Faults of the protected resource metadata."""

from ..answers import Answer, Asked
from ..fault import answers
from ..oauth import RESOURCE_METADATA

OTHER = "https://other.example"


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
