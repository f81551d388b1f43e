"""Puts a stand-in in the place of every tag, so that evidence that was loaded is read by the same rules as live.

A stand-in is no secret: it has the shape that the file tells, and is otherwise made of the tag. What a rule recomputes
from it comes out as it did, because its hash is put where the hash of the secret stood. The vault of a loaded trace
knows which tag each stand-in came from, so that everything is shown as it was shown live.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from mcp_oauth_nb.errors import NotOurs
from mcp_oauth_nb.evidence.shapes import LONGEST, shape_of, stand_in
from mcp_oauth_nb.protocol.pkce import s256
from mcp_oauth_nb.vault import SHORTEST_AS_WORD, TAG, Vault

MOST_RESTORED = 1 << 26
"""Characters of stand-ins, in all places together."""


class RecalledVault(Vault):
    """Shows what was loaded under the tags and hashes that it had before."""

    keeps_its_key = False

    def __init__(self) -> None:
        super().__init__()
        self._shown: dict[str, str] = {}

    def recall(self, value: str, shown: str, kind: str, *, known: bool = True) -> None:
        """Remember what a value is to be shown as; where it is `known`, wherever it stands."""
        self._shown.setdefault(value, shown)
        self._forget()
        if TAG.fullmatch(shown):
            self._issued[shown] = value
        if known:
            self.learn(value, kind)

    def shown(self, value: str) -> str:
        """What stood in the file where this value stands now; the value itself where it stood there."""
        return self._shown.get(value, value)

    def tag(self, value: str, kind: str) -> str:
        """The tag that stood in the file; a new one for what the file did not know."""
        return self._shown.get(value) or super().tag(value, kind)


class Recall:
    """Restores texts.

    Args:
        secrets: what the file tells of each tag.
        name: how an error calls the file.

    Raises:
        NotOurs: its few words stand for more than anybody has recorded, while they are restored.
    """

    def __init__(self, secrets: Mapping[str, Mapping[str, Any]], name: str = "the document") -> None:
        self._name, self._left = name, MOST_RESTORED
        self.vault = RecalledVault()
        self._secrets = secrets
        self._made: dict[str, str] = {}
        self._making: set[str] = set()
        self._hashed = {facts["sha256"]: tag for tag, facts in secrets.items() if "sha256" in facts}
        places = "|".join([TAG.pattern, *map(re.escape, self._hashed)])
        self._places = re.compile(places)
        for tag in secrets:
            self._stand_in(tag)

    def text(self, masked: str) -> str:
        """A text in which a value stands as it is."""
        return self._places.sub(lambda match: self._value(match[0], str), masked)

    def encoded(self, masked: str) -> str:
        """A URL or a form, in which a value is percent-encoded."""
        return self._places.sub(lambda match: self._value(match[0], _quoted), masked)

    def basic(self, masked: str, *, as_is: bool) -> str | None:
        """A Basic header, which shows decoded what travels in base64; None where this is none.

        Args:
            masked: such as ``Basic id:‹client_secret#3f9a1c 43 chars› (base64)``.
            as_is: the secret was not form-encoded, as it should be (RFC 6749 2.3.1).
        """
        scheme, _, rest = masked.partition(" ")
        if scheme.lower() != "basic" or not rest.endswith(" (base64)"):
            return None
        pair = self._places.sub(lambda match: self._value(match[0], str if as_is else _quoted), rest[:-9])
        return f"{scheme} {base64.b64encode(pair.encode()).decode()}"

    def _value(self, place: str, encode: Callable[[str], str]) -> str:
        if place in self._hashed:
            hashed = s256(self._stand_in(self._hashed[place]))
            self.vault.recall(hashed, place, "sha256")
            return hashed
        if place not in self._secrets:
            return place
        value = encode(self._stand_in(place))
        self._left -= len(value)
        if self._left < 0:
            raise NotOurs(self._name, "secrets that would fill the memory", "evidence of what was recorded")
        return value

    def _stand_in(self, tag: str) -> str:
        """The stand-in of a tag; the tag itself where a file has it inside itself."""
        if tag in self._made or tag in self._making:
            return self._made.get(tag, tag)
        self._making.add(tag)
        kind, _, rest = tag[1:-1].partition("#")
        facts, length = self._secrets[tag], int(rest.split(" ")[1])
        if facts.get("hash_of") in self._secrets:
            value = s256(self._stand_in(facts["hash_of"]))
        else:
            parts = [self._part(part, f"{rest} {at}") for at, part in enumerate(facts["parts"])]
            value = ".".join(_fitted(parts, facts["parts"], length))
        if len(value) > LONGEST:
            value = stand_in(f"x{{{min(length, LONGEST)}}}", (), rest)
        self._made[tag] = value
        self.vault.recall(value, tag, kind, known=facts["known"] and len(value) >= SHORTEST_AS_WORD)
        return value

    def _part(self, part: Mapping[str, Any], seed: str) -> str:
        if "json" not in part:
            return stand_in(part["shape"], tuple(part["letters"]), seed)
        text = self.text(json.dumps(part["json"], ensure_ascii=False, separators=(",", ":")))
        raw = text.encode("utf-8", "surrogatepass")
        size = min(part["length"], LONGEST) * 3 // 4
        raw = raw[:-1] + b" " * (size - len(raw)) + raw[-1:]  # JSON that was written with blanks, or with longer values
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _fitted(parts: list[str], facts: list[Mapping[str, Any]], length: int) -> list[str]:
    """The parts, the last of them made to fit the length of the whole: masked claims may be longer than they were."""
    excess = len(".".join(parts)) - length
    if excess and len(parts) > 1 and "shape" in facts[-1] and parts[-1]:
        room = max(1, len(parts[-1]) - excess)
        shape, letters = shape_of(parts[-1])
        seed = parts[-1] + str(length)
        return [*parts[:-1], (parts[-1] + stand_in(f"x{{{room}}}" if shape else "", letters, seed))[:room]]
    return parts


def _quoted(value: str) -> str:
    return quote(value, safe="")
