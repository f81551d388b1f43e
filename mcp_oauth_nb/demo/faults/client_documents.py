"""Faults of the client ID metadata document, which this server publishes and reads itself."""

from ..answers import Answer, Asked
from ..client_documents import METHOD, OWN
from ..fault import answers, instead

HOW = {"registration": "cimd", "client_metadata_url": "{origin}" + OWN}
THEN = ("client_document_check",)
CAUSED_IN = "client_document_check"


@instead(
    "client-document-gone",
    OWN,
    phase="callback",
    summary="There is no document at the URL that the client has as its id.",
    trips="client-document-missing",
    caused_in=CAUSED_IN,
    who="client",
    how=HOW,
    then=THEN,
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(404, {"error": "not_found"})


@instead(
    "client-document-moved",
    OWN,
    phase="callback",
    summary="The URL that the client has as its id redirects to another one.",
    trips="client-document-missing",
    caused_in=CAUSED_IN,
    who="client",
    how=HOW,
    then=THEN,
)
def _(asked: Asked) -> Answer | None:
    return Answer(302, (("location", "/elsewhere.json"),))


@answers(
    "client-document-of-another-url",
    OWN,
    phase="callback",
    summary="The client_id in the document is not the URL that the document stands at.",
    trips="client-document-id",
    caused_in=CAUSED_IN,
    who="client",
    how=HOW,
    then=THEN,
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(client_id="https://client.example.com/client.json")


@answers(
    "client-document-other-redirect",
    OWN,
    phase="callback",
    summary="The document does not list the redirect URI in use.",
    trips="client-document-redirect",
    caused_in=CAUSED_IN,
    who="client",
    how=HOW,
    then=THEN,
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(redirect_uris=["https://client.example.com/callback"])


@answers(
    "client-document-with-secret",
    OWN,
    phase="callback",
    summary="The document asks for a way to authenticate that needs a secret, which everybody could read.",
    trips="client-document-secret",
    caused_in=CAUSED_IN,
    who="client",
    how=HOW,
    then=THEN,
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(**{METHOD: "client_secret_post"})
