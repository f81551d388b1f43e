"""`Parameter`: what a provider wants to see beside what the standards know, and where in the request it belongs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.protocol.fields import FRAMING, is_field_value, is_token

Place = Literal["body", "url", "header"]
PLACES: tuple[Place, ...] = ("body", "url", "header")


@dataclass(frozen=True, repr=False)
class Parameter:
    """One custom parameter of an authorization, token or refresh request.

    Several of one name are all sent, in their order. One that is named like a parameter the standards ask for takes
    its place.

    Args:
        name: its name.
        value: its value.
        send_in: ``"body"`` (the form), ``"url"`` (the query), or ``"header"``.

    Raises:
        BadSetting: name or value is no text, the place is unknown, or no header field can hold it.
    """

    name: str
    value: str = field(repr=False)
    send_in: Place = "body"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            seen = "no text" if isinstance(self.name, str) else f"a {type(self.name).__name__}"
            raise BadSetting("Parameter(name)", seen, "the name of a parameter", "Parameter('audience', 'api')")
        if not isinstance(self.value, str):
            raise BadSetting("Parameter(value)", f"a {type(self.value).__name__}", "text")
        if self.send_in not in PLACES:
            raise BadSetting("Parameter(send_in=)", "something else", "one of " + ", ".join(PLACES))
        if self.send_in == "header":
            self._check_header()

    def _check_header(self) -> None:
        """A line break in a header would begin another one, and another length would end the body elsewhere."""
        if not is_token(self.name):
            raise BadSetting("Parameter(name)", "a name that no header can have", "letters, digits and hyphens")
        if self.name.lower() in FRAMING:
            expected = "another header: this one is worked out of the body"
            raise BadSetting("Parameter(name)", f"the header {self.name}", expected)
        if not is_field_value(self.value):
            seen = "a line break or control character, or a blank around it"
            raise BadSetting("Parameter(value)", seen, "one line of visible text")

    def __repr__(self) -> str:
        return f"<Parameter in the {self.send_in}>"


def read_parameters(name: str, given: object, send_in: Place) -> tuple[Parameter, ...]:
    """Parameters as a user gave them: several `Parameter`, or a mapping of names to a value or to a list of them.

    Args:
        name: of the argument, for the error.
        given: what was given.
        send_in: where those of a mapping are sent.

    Raises:
        BadSetting: it is neither.
    """
    if given is None:
        return ()
    if isinstance(given, Mapping):
        several = {key: value if isinstance(value, list | tuple) else [value] for key, value in given.items()}
        return tuple(Parameter(key, one, send_in) for key, values in several.items() for one in values)
    expected = "a list of Parameter(name, value), or a mapping of names to values"
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise BadSetting(name, f"a {type(given).__name__}", expected)
    listed = tuple(given)
    strange = next((one for one in listed if not isinstance(one, Parameter)), None)
    if strange is not None:
        raise BadSetting(name, f"a list with a {type(strange).__name__} in it", expected)
    return listed
