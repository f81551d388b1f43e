"""Faults of the answer without a token."""

from ..answers import Answer, Asked
from ..fault import answers
from ..oauth import MCP


@answers(
    "no-challenge",
    MCP,
    phase="challenge",
    summary="The 401 comes without a WWW-Authenticate header, so it does not say where the metadata is.",
    trips="challenge-missing",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.without_header("www-authenticate") if answer.status == 401 else answer
