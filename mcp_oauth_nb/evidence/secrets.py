"""What evidence keeps of each secret: its tag, and facts that are none.

A rule may recompute something from a secret: the challenge from the verifier, the hash of a token, the claims inside
one. What it would read is kept here, beside the tag, so that the verdict stays the same and the secret stays behind:

- the shape of the value (`shapes`), part by part where parts are separated by dots; of a short one the length alone;
- of a part that is a JSON object in base64url, which is the header or the claims of a JWT, the object, masked; claims
  that name a person are tags as well, unless they stand in the open elsewhere in the trace;
- the SHA-256 hash of the value, where that hash stands in the trace, as a code challenge does, and the value is long
  and random. The hash of one that can be guessed would confirm the guess: it becomes a tag itself, and what is kept is
  that it is the hash of the other.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

from mcp_oauth_nb.evidence.recall import RecalledVault
from mcp_oauth_nb.evidence.shapes import CLASSES, VISIBLE, shape_of
from mcp_oauth_nb.fragments import is_guessable
from mcp_oauth_nb.records import read_json
from mcp_oauth_nb.redact import mask_json
from mcp_oauth_nb.vault import TAG, Vault

PERSONAL = frozenset(
    """sub name given_name family_name middle_name nickname preferred_username profile picture website email gender
    birthdate phone_number address upn unique_name username user_name user_id userid uid user login mail emails phone
    mobile first_name last_name display_name displayname full_name fullname oid puid ip ipaddr ip_address""".split()
)
"""Claims about a person (OpenID Connect Core 5.1, and what common servers add)."""
SHORTEST = 7
"""Characters; what is shorter and was hidden in its own place only is not searched for elsewhere."""
SHORTEST_SHAPED = 12
"""Characters; of what is shorter nothing is told but the length."""
HASH = "sha256"
"""The kind of a hash that is hidden."""
HALF = 21
"""Characters of a hash that the left half of it decides, as it stands in ``at_hash`` (OpenID Connect Core 3.1.3.6)."""
MOST_PARTS = 5
"""Parts of an encrypted JWT; what has more is no token of JOSE (RFC 7516 3.1)."""


def learn_from_places(vault: Vault, masked: str) -> bool:
    """Learn what was hidden in its own place only, so that it is hidden, and stays equal, wherever it stands.

    Mere words and numbers stay what they are: to hide them everywhere would make the rest unreadable.

    Returns:
        whether there was anything to learn, so that there may be more to hide.
    """
    known = set(vault.values())
    found = [(tag, vault.behind(tag)) for tag in TAG.findall(masked)]
    more = {value: tag for tag, value in found if value and value not in known and _is_telling(value)}
    for value, tag in more.items():
        vault.learn(value, tag[1:].partition("#")[0])
    return bool(more)


def _is_telling(value: str) -> bool:
    return len(value) >= SHORTEST and any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def learn_hashes(vault: Vault, masked: str) -> bool:
    """Learn the hashes of secrets that can be guessed, where they stand in the open.

    Returns:
        whether there was any, so that there is more to hide.
    """
    known = vault.values()
    values = {*known, *(vault.behind(tag) or "" for tag in TAG.findall(masked))} - {""}
    inside = [json.dumps(_object(part)) for value in values for part in _parts(value) if "." in value]
    everything = "\n".join((masked, *inside))
    found = [hashed for value in values if is_guessable(value) for hashed in _hashes(value)]
    fresh = [hashed for hashed in found if hashed not in known and hashed[:HALF] in everything]
    for hashed in fresh:
        vault.learn(hashed, HASH)
    return bool(fresh)


def _hashes(value: str) -> tuple[str, str]:
    hashed = hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode(), hashed.hex()


def facts_of_secrets(vault: Vault, masked: str) -> dict[str, dict[str, Any]]:
    """The facts on the secret behind every tag in a masked text, and behind the tags in these facts.

    Args:
        vault: the vault that made the tags; a tag that it did not make is text like any other.
        masked: all that the evidence says, as text.
    """
    found: dict[str, dict[str, Any]] = {}
    known = set(vault.values())
    todo, texts = list(dict.fromkeys(TAG.findall(masked))), [masked]
    while todo:
        tag = todo.pop()
        value = vault.behind(tag)
        if value is None or tag in found:
            continue
        parts = [_part(vault, part, masked) for part in _parts(value)]
        found[tag] = {"parts": parts, "known": value in known}
        texts.append(json.dumps(parts, ensure_ascii=False))
        todo += TAG.findall(texts[-1])
    everything = "\n".join(texts)
    for tag, facts in found.items():
        value = vault.behind(tag) or ""
        hashed = _hashes(value)[0]
        if is_guessable(value):
            hash_tag = vault.tag(hashed, HASH)
            if hash_tag in found:
                found[hash_tag]["hash_of"] = tag
            continue
        if isinstance(vault, RecalledVault):
            hashed = vault.shown(hashed)
        if hashed in everything:
            facts["sha256"] = hashed
    return found


def _parts(value: str) -> list[str]:
    parts = value.split(".", MOST_PARTS)
    readable = 1 < len(parts) <= MOST_PARTS and any(_object(part) is not None for part in parts)
    return parts if readable else [value]


def _part(vault: Vault, part: str, masked: str) -> dict[str, Any]:
    value = _object(part)
    if value is None and len(part) < SHORTEST_SHAPED:
        return {"shape": _short_shape(part), "letters": list(CLASSES)[:3]}
    if value is not None:
        return {"json": _impersonal(vault, mask_json(vault, value), masked), "length": len(part)}
    shape, letters = shape_of(part)
    return {"shape": shape, "letters": list(letters)}


def _short_shape(part: str) -> str:
    """The length, and at its end of which sort a mark is that stands somewhere in it: one to be encoded, or another."""
    if part.isascii() and part.isalnum():
        return f"x{{{len(part)}}}"
    mark = "%" if "%" in part else VISIBLE if quote_plus(part) != part else "-"
    return f"x{{{len(part) - 1}}}{mark}" if part else ""


def _impersonal(vault: Vault, claims: Mapping[str, Any], masked: str) -> dict[str, Any]:
    rest = _without_persons(claims)
    in_the_open = f"{masked}\n{json.dumps(rest, ensure_ascii=False)}"
    return {name: _hidden(vault, name, value, in_the_open) for name, value in claims.items()}


def _without_persons(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_persons(one) for name, one in value.items() if name.lower() not in PERSONAL}
    return [_without_persons(one) for one in value] if isinstance(value, list) else value


def _hidden(vault: Vault, name: str, value: Any, in_the_open: str, *, is_personal: bool = False) -> Any:
    """A claim in which everything about a person is a tag, or 0 where it was a number."""
    is_personal = is_personal or name.lower() in PERSONAL
    if isinstance(value, Mapping):
        return {key: _hidden(vault, key, one, in_the_open, is_personal=is_personal) for key, one in value.items()}
    if isinstance(value, list):
        return [_hidden(vault, name, one, in_the_open, is_personal=is_personal) for one in value]
    if not is_personal or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return 0
    if not isinstance(value, str) or not value or TAG.search(value):
        return value
    stands = re.search(
        rf"(?<![0-9A-Za-z]){re.escape(json.dumps(value, ensure_ascii=False)[1:-1])}(?![0-9A-Za-z])", in_the_open
    )
    return value if stands else vault.tag(value, "claim")


def _object(part: str) -> dict[str, Any] | None:
    """The JSON object that a part of a JWT holds; None for anything else, and for one that JSON cannot hold again."""
    try:
        value = read_json(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)).value
        json.dumps(value, allow_nan=False)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
