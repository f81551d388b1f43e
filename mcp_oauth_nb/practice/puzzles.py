"""The incidents to practise on, from easy to subtle: which fault each is, a hint for each half of a guess, its lesson.

They are told as stories in ``notebooks/practice.ipynb``, which knows them by number only. Step, party, evidence and fix
are not written here: they are what the diagnosis says.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Puzzle:
    """One incident.

    Attributes:
        fault: the name of the demo's fault.
        step_hint: where to look, for somebody who guessed the wrong step.
        who_hint: what to ask oneself, for somebody who guessed the wrong party.
        proves: what the evidence proves, and how one tells it from what looks alike.
    """

    fault: str = field(repr=False)
    step_hint: str = field(repr=False)
    who_hint: str = field(repr=False)
    proves: str = field(repr=False)


PUZZLES: tuple[Puzzle, ...] = (
    Puzzle(
        "no-challenge",
        "This flow got to its end only because this client guesses. Which answer left it nothing but guessing?",
        "Look at who wrote that answer, and whether anything in its headers speaks for a machine in between.",
        "A 401 alone is no challenge: without WWW-Authenticate a client has to guess the place of the metadata. One "
        "that guesses gets through, one that does not is stuck, and both are right.",
    ),
    Puzzle(
        "no-s256",
        "The client gave up by itself, after an answer with status 200. Read the document it had just been given.",
        "Nobody else can change what that document says: who publishes it?",
        "A 200 can end a flow as surely as an error. What a client must find before it may go on stands in the "
        "metadata, and here it is named with another value.",
    ),
    Puzzle(
        "registration-refused",
        "Follow the statuses down the table until the first one that a healthy flow does not have.",
        "Is the refusal JSON with an OAuth error, or a page? The first is written by the server that was asked.",
        "An endpoint that is advertised and refuses everybody is a promise not kept. The way around is a client that "
        "was registered by hand, or an initial access token.",
    ),
    Puzzle(
        "token-endpoint-502",
        "Everything up to the redirect is in order. What was asked next?",
        "Read the body and the headers of that answer: would an OAuth server speak like this?",
        "HTML and a 5xx from a JSON endpoint are the handwriting of what stands in front. The code in the request "
        "was never looked at, so that nothing about code, PKCE or client is to be mended.",
    ),
    Puzzle(
        "token-rejected",
        "The token was issued with 200. When was it used for the first time, and what came back?",
        "The token is minutes old, for the right resource and the right scope. Who has to accept it?",
        "Where audience, scope, expiry and form of a token are in order and it is refused all the same, the side that "
        "checks it is the one to look at: its keys, its introspection, its clock.",
    ),
    Puzzle(
        "resource-of-inner-address",
        "Compare, character by character, the URL that was asked with the one that the answer calls its own.",
        "A proxy makes the address differ. But who writes its own name into the document?",
        "The resource identifier has to be the public URL. A server that builds it from the request it sees publishes "
        "what it looks like from behind its proxy; a client must then refuse the document.",
    ),
    Puzzle(
        "issuer-of-another",
        "The browser came back with a code, and the client would not redeem it. Read the query of that redirect.",
        "One parameter of the redirect says who sent it. Compare it with the metadata: who got its own name wrong?",
        "The name in `iss` has to be the issuer that was asked, or the client must suppose that two responses were "
        "mixed up. Behind a broker it is mostly the upstream's name that was handed through.",
    ),
    Puzzle(
        "secret-for-public-client",
        "The token endpoint wants something that this client does not send. Where could it have learned that?",
        "The client said how it authenticates before it ever came to the token endpoint. Who did not keep to that?",
        "`token_endpoint_auth_method` was none in the request and in the answer, and yet a secret came with it and "
        "was demanded later. The refusal shows at the token endpoint; the contradiction was made at registration.",
    ),
    Puzzle(
        "no-refresh-token-without-offline-access",
        "Nothing was refused. What is missing from an answer, and which request should have asked for it?",
        "The server names in its metadata what it wants to be asked for. Whose request leaves it out?",
        "Where `offline_access` is listed, some servers issue refresh tokens to those who ask for it alone. An answer "
        "without a refresh token is then no mistake of the one that answers.",
    ),
    Puzzle(
        "other-token-revoked",
        "Follow the tags: the same token has the same tag wherever it stands. Where does one turn up from nowhere?",
        "The endpoint answered as RFC 7009 says it must. Who chose what was sent to it?",
        "Revocation answers 200 for tokens that never existed, so that its status proves nothing. Only the tag in the "
        "request body and the request afterwards do.",
    ),
    Puzzle(
        "granted-scope-challenged",
        "Listing the tools went well with the same token. What is different about the last request?",
        "Compare the scope in the refusal with the scope the token came with. Would any other token have helped?",
        "A step-up challenge for scope that was granted already cannot be satisfied: a naive client authorizes for "
        "ever. The side that compares scopes compares them wrongly.",
    ),
    Puzzle(
        "scope-advertised-refused",
        "The refusal names a scope. Where did the client get the idea to ask for it?",
        "One document offers that scope and the other one does not. Which of the two promises for somebody else?",
        "With no scope in the challenge a client asks for all that the resource metadata lists. Every party did its "
        "duty except the one that lists a scope its authorization server does not know.",
    ),
)
"""Every incident, in the order of the notebook; the first is number 1."""
