"""Faults of the token endpoint."""

from dataclasses import replace

from ..answers import Answer, Asked
from ..fault import behaves, instead
from ..grants import Behaviour
from ..oauth import TOKEN


@behaves(
    "code-expired",
    phase="token",
    summary="Authorization codes have already expired when they are issued.",
    trips="token-refused",
    who="authorization server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, code_lifetime_s=-1)


@instead(
    "token-endpoint-502",
    TOKEN,
    phase="token",
    summary="A proxy in front of the token endpoint answers 502 with an HTML page.",
    trips="token-refused",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    page = (
        "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
    )
    return Answer.of_html(502, page) if asked.method == "POST" else None
