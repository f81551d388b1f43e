"""`Filled`: the arguments that a form comes to, as a mapping for `OAuth2`, and as Python to paste into a cell.

Neither its repr nor the code holds a secret; where one is needed the code asks for it with ``getpass()``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_oauth_nb.forms.fields import FIELD
from mcp_oauth_nb.lines import set_of
from mcp_oauth_nb.protocol.parameters import Parameter
from mcp_oauth_nb.redact import is_secret_name, learn_settings, looks_random
from mcp_oauth_nb.wire.learning import LearningVault

PLAIN = ("verify", "step_timeout_s", "callback_timeout_s", "on_violation", "auto_refresh", "allow_hosts")
"""Arguments without a field whose value may be read by anybody."""
LONGEST_LINE = 100


def holds_secret(text: str) -> bool:
    """Whether a value that is no secret by its field holds one all the same: in a URL, as a rule."""
    vault = LearningVault()
    if "://" in text:
        learn_settings(vault, {}, text)
    return len(vault) > 0


def is_token_like(text: str) -> bool:
    """Whether a text looks like a token that was pasted into the wrong field."""
    return len(text) >= 16 and "://" not in text and looks_random(text)


def is_secret_parameter(name: str, value: str, send_in: str) -> bool:
    """Whether the value of a custom parameter is a secret; in a header every one may be."""
    return bool(value) and (send_in == "header" or is_secret_name(name) or is_token_like(value) or holds_secret(value))


class Filled(Mapping[str, Any]):
    """The arguments of an `OAuth2`: ``OAuth2(**form.settings)``. Its repr shows what is set, and no secret."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = dict(settings)

    def __getitem__(self, name: str) -> Any:
        return self._settings[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def __repr__(self) -> str:
        return repr(dict(self.shown))

    @property
    def secrets(self) -> Iterator[str]:
        """Every value that must not be shown."""
        for name, value in self.items():
            if isinstance(value, str):
                yield from [value] if _is_secret(name, value) else []
            elif name in FIELD and FIELD[name].kind == "words":
                yield from (one for one in value if holds_secret(one))
            elif name in FIELD and FIELD[name].kind == "parameters":
                yield from (one.value for one in value if is_secret_parameter(one.name, one.value, one.send_in))

    @property
    def shown(self) -> Mapping[str, str]:
        """What is set, in words."""
        return {name: _shown(name, value) for name, value in self.items()}

    @property
    def code(self) -> str:
        """The same as a Python call, with ``getpass()`` in the place of secrets."""
        written = {name: _written(name, value) for name, value in self.items()}
        call = "\n".join(("oauth = OAuth2(", *(f"    {name}={said}," for name, said in written.items()), ")"))
        imports = ["from mcp_oauth_nb import OAuth2" + (", Parameter" if "Parameter(" in call else "")]
        if "getpass(" in call:
            imports.insert(0, "from getpass import getpass")
        return "\n".join((*imports, "", call))


def _is_secret(name: str, value: str) -> bool:
    kind = FIELD[name].kind if name in FIELD else "secret"
    return (
        bool(value) and name not in PLAIN and (kind == "secret" or (kind in ("text", "words") and holds_secret(value)))
    )


def _shown(name: str, value: object) -> str:
    if isinstance(value, str):
        return set_of(value) if _is_secret(name, value) else value
    if name in FIELD and FIELD[name].kind == "words" and isinstance(value, list):
        return ", ".join(_shown(name, one) for one in value)
    if name in FIELD and FIELD[name].kind == "parameters" and isinstance(value, list):
        return ", ".join(f"{one.name} in the {one.send_in}" for one in value)
    return repr(value) if name in FIELD or name in PLAIN else f"a {type(value).__name__}"


def _written(name: str, value: object) -> str:
    if isinstance(value, str):
        return _asked(name) if _is_secret(name, value) else repr(value)
    if name in FIELD and FIELD[name].kind == "words" and isinstance(value, list):
        return "[" + ", ".join(_written(name, one) for one in value) + "]"
    if name in FIELD and FIELD[name].kind == "parameters" and isinstance(value, list):
        rows = [_parameter(one) for one in value]
        line = f"[{', '.join(rows)}]"
        return line if len(line) < LONGEST_LINE else "[\n" + "".join(f"        {row},\n" for row in rows) + "    ]"
    if name in FIELD or name in PLAIN:
        return repr(value)
    return f"{name}"  # something that cannot be written down: the reader has it under that name


def _parameter(one: Parameter) -> str:
    secret = is_secret_parameter(one.name, one.value, one.send_in)
    return f"Parameter({one.name!r}, {_asked(one.name) if secret else repr(one.value)}, {one.send_in!r})"


def _asked(name: str) -> str:
    return f"getpass({name + ': '!r})"
