"""Faults of registration."""

from ..answers import Answer, Asked
from ..fault import instead
from ..oauth import REGISTER


@instead(
    "registration-refused",
    REGISTER,
    phase="register",
    summary="Dynamic registration is advertised, but every registration is refused with 403.",
    trips="registration-refused",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    document = {"error": "access_denied", "error_description": "Registration is limited to approved clients"}
    return Answer.of_json(403, document, cache_control="no-store") if asked.method == "POST" else None
