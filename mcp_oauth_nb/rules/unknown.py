"""What to ask next where no rule knows the cause: for each step the calls that would narrow it down.

A diagnosis that has no cause must not invent one. It says what was expected, what came, and which calls would tell
more; that is all that is honest.
"""

from __future__ import annotations

from collections.abc import Mapping

_GOOD_FOR = ("dbg.introspect()", "asks the authorization server what the token is good for")
_WELL_KNOWN = ("dbg.well_known()", "asks every place where a metadata document may stand")
_SLASH = ("dbg.probe('slash')", "asks the same URL with the other spelling of its end")
_WITHOUT = ("dbg.probe('without_token')", "asks once more without a token: is it the token that is refused?")
_GARBAGE = ("dbg.probe('garbage_token')", "sends a token that cannot be good: is any token looked at?")
_AGAIN = ("dbg.probe('second_fetch')", "asks once more: do two answers agree, or do two machines answer?")

NARROWED_BY: Mapping[str, tuple[tuple[str, str], ...]] = {
    "challenge": (_SLASH, _AGAIN, _WELL_KNOWN),
    "resource_metadata": (_WELL_KNOWN, _AGAIN),
    "server_metadata": (_WELL_KNOWN, _AGAIN),
    "register": (
        ("dbg.register(json={'scope': None})", "registers without a scope"),
        ("Debugger(url, client=Client('id'))", "goes on with a client that was registered by hand"),
    ),
    "authorize": (("dbg.authorize(params={'resource': None})", "leaves the resource indicator out"),),
    "callback": (
        ("dbg.authorize(params={'resource': None})", "leaves the resource indicator out"),
        ("dbg.authorize(params={'scope': None})", "leaves the scope out"),
    ),
    "token": (
        ("dbg.probe('basic_or_body')", "sends the credentials the other way"),
        ("dbg.probe('without_resource')", "asks for a token without a resource indicator"),
    ),
    "mcp": (
        _WITHOUT,
        _GARBAGE,
        _GOOD_FOR,
        _SLASH,
    ),
    "call": (_WITHOUT, _GOOD_FOR),
    "refresh": (("dbg.introspect('refresh_token')", "asks whether the refresh token is still good"),),
    "revoke": (("dbg.introspect()", "asks whether the token is still good"),),
    "revoked": (("dbg.introspect()", "asks whether the token is still good"), _GARBAGE),
}
"""By step: a call, and what it would tell."""
