"""What the user did wrong, and the call that mends it.

    McpOAuthError
    +-- NotYet            a step needs something that an earlier step has not supplied
    +-- BadSetting        an argument that cannot work
    +-- CallbackTimeout   no redirect came back in time
    +-- TimeUp            the time for everything together is up
    |   +-- DeviceTimeout nobody typed the user code in time
    +-- NotOurs           a file that holds no trace
    +-- HoldsSecret       what was to be written holds a secret, so that nothing was written

Whatever a *server* does wrong is an exchange or a finding, never an exception. Every message says what was seen, what
was expected, and the next call to type. Errors hold plain values only, never a request or a response, so that no
traceback can show a secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class McpOAuthError(Exception):
    """Base of all errors of this package.

    IPython asks an exception for ``_render_traceback_`` before it prints a traceback: a message that already says how
    to go on is worth more in an incident than frames from the depths of the package.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle by the finished message: the arguments it was made of are gone."""
        return _said_again, (type(self), str(self))

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class NotYet(McpOAuthError):
    """A step was asked for before the step that supplies what it needs."""

    def __init__(self, what: str, call: str) -> None:
        super().__init__(f"there is no {what} yet; expected it from an earlier step. Run {call} first.")


class BadSetting(McpOAuthError, ValueError):
    """An argument that cannot work: names the argument, what was seen, what is expected, and the mend.

    The parts are attributes as well, for who has other words for the arguments; in a copy they are empty.
    """

    name = seen = expected = mend = ""

    def __init__(self, name: str, seen: str, expected: str, mend: str = "") -> None:
        self.name, self.seen, self.expected, self.mend = name, seen, expected, mend
        super().__init__(f"{name}: got {seen}; expected {expected}." + (f" {mend}" if mend else ""))


class CallbackTimeout(McpOAuthError, TimeoutError):
    """No authorization response arrived in the time given (seconds)."""

    def __init__(self, waited_s: float, redirect_uri: str) -> None:
        super().__init__(
            f"no redirect to {redirect_uri} within {waited_s:g} s; expected the browser to come back there. "
            "Open the authorization link, then run callback() again, or callback(paste=True) to paste the address "
            "that the browser ended on."
        )


class TimeUp(McpOAuthError, TimeoutError):
    """The time given for everything together (seconds) is up, and nothing more is sent."""

    def __init__(self, given_s: float) -> None:
        super().__init__(
            f"the {given_s:g} s given for everything together are up; expected it to be through. "
            "Give more time, and run it again."
        )


class DeviceTimeout(CallbackTimeout):
    """The person at the other device was not done in the time given (seconds)."""

    def __init__(self, waited_s: float) -> None:
        McpOAuthError.__init__(
            self,
            f"the person was not done within {waited_s:g} s; expected the user code to be typed at the verification "
            "URI. Run token() again to go on asking, or device() for a new code.",
        )


class NotOurs(McpOAuthError, ValueError):
    """A file that holds no trace of this package: names it, says what was seen and what was expected."""

    def __init__(self, name: str, seen: str, expected: str = "a file written by this package") -> None:
        super().__init__(f"{name} holds no trace: {seen}. Expected {expected}.")


class HoldsSecret(McpOAuthError, ValueError):
    """What was to be written holds a secret, so that nothing was written: tells kind, place and tag of each.

    Args:
        call: what was called, such as ``dbg.save(path)``.
        found: what was found where, in words; no secret and no part of one.
        mend: the call that mends it, in a sentence.
    """

    def __init__(self, call: str, found: Sequence[str], mend: str) -> None:
        super().__init__(
            f"{call}: nothing was written, for it would hold what looks like a secret; expected none. "
            f"Found: {'; '.join(found)}. {mend}"
        )


def _said_again(kind: type[McpOAuthError], message: str) -> McpOAuthError:
    error = kind.__new__(kind)
    BaseException.__init__(error, message)
    return error
