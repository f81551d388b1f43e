"""Faults of the authorization request and of the way back."""

from ..answers import Answer, Asked
from ..fault import answers
from ..oauth import CONSENT


@answers(
    "access-denied",
    CONSENT,
    phase="callback",
    summary="The browser comes back with error=access_denied although the user agreed.",
    trips="authorization-error",
    who="user",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.relocated(
        code=None, error="access_denied", error_description="A policy of this organisation refuses the client"
    )


@answers(
    "wrong-state",
    CONSENT,
    phase="callback",
    summary="The redirect carries another state than the one the client sent.",
    trips="state-mismatch",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.relocated(state="not-the-state-you-sent")
