"""What gives a secret away: the name it stands under, its shape, and how names and values stand side by side in text.

Hiding too much makes a debugger useless, so plain words are told apart from secrets: ``"code": "not_found"`` stays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote_plus

from mcp_oauth_nb.fragments import looks_random
from mcp_oauth_nb.vault import TAG

SECRET_NAMES = frozenset(
    """access_token refresh_token id_token token code code_verifier client_secret client_assertion assertion state
    registration_access_token initial_access_token software_statement subject_token actor_token id_token_hint
    logout_token password device_code user_code auth_code authorization_code nonce request auth_req_id ticket sid
    session session_id session_state api_key apikey api-key x-api-key key secret sig signature jwt dpop authorization
    proxy-authorization cookie set-cookie mcp-session-id x-amz-security-token""".split()
)
"""Names of parameters, JSON members and header fields whose value is a secret. One line here hides one more name."""

SECRET_PARTS = re.compile(
    r"(?:^|[-_.])(tokens?|secret|passw(?:or)?d|pwd|passphrase|passcode|otp|session|cookie|credentials?|signature"
    r"|(?:api|auth|access|private|secret|subscription|function|functions|master|shared|license)[-_]?key"
    r"|authorization)(?:$|[-_.\[])"
)
PUBLIC_NAMES = re.compile(
    r"[-_](?:endpoint|supported|required|enabled|types?|methods?|uris?|url|iframe|hint|alg|enc|format|ttl"
    r"|lifetime|status|error|expires_at|expires_in|servers|details|count|limit|usage)$|_supported_|_alg_|^expires_"
    r"|rate_?limit|^access-control-|^(?:progress|page|next_page|max|min|total|prompt|completion|input|output)_tokens?$"
)
"""Names that contain a secret's name and are none: ``token_endpoint``, ``token_type``, ``client_secret_expires_at``."""

_SECRET_NUMBER = re.compile(r"(?:^|[-_.])(?:passw(?:or)?d|pwd|passcode|otp|client_secret)$")
"""Names under which a number is a secret: a count or a time under ``tokens`` or ``session`` is none."""

PUBLIC_HEADERS = frozenset(
    """accept accept-charset accept-encoding accept-language user-agent content-type content-length content-encoding
    host origin referer connection cache-control pragma te upgrade range priority mcp-protocol-version mcp-method
    mcp-name last-event-id date server via vary forwarded x-forwarded-for x-forwarded-host x-forwarded-proto
    x-requested-with x-request-id x-correlation-id traceparent tracestate""".split()
)
AMBIGUOUS_NAMES = frozenset(
    """code state key secret token request ticket session nonce signature sig sid jwt authorization authorization_code
    cookie""".split()
)
"""Names that also carry plain words (``"code": "not_found"``): outside URLs and forms a value must look random."""

PLAIN_WORDS = frozenset(
    """bearer dpop basic none null true false code token undefined string required optional authorization
    authorization_code refresh_token access_token id_token client_credentials client_secret client_secret_basic
    client_secret_post client_secret_jwt private_key_jwt unauthorized authenticated unauthenticated application/json
    invalid_token invalid_client invalid_grant invalid_request access_denied""".split()
)
"""Words of the protocol: hidden where they stand as a secret, never searched for."""

SHORT_CODES = frozenset(("user_code",))
"""Made for people to type, so short and of plain letters (RFC 8628 6.1): searched for all the same."""
SHORTEST_PLAIN = 12
"""A value of plain words is searched for in other texts only from this length on."""

SHORTEST_TYPED = 7
"""What the user handed in as a secret is searched for from this length on, where it is more than `MERE_WORDS`."""
MERE_WORDS = re.compile(r"[A-Za-z]++(?:[\s._:/-]++[A-Za-z]++)*+|[0-9]++(?:[._:/-][0-9]++)*+")
"""Words or numbers, however they are joined: a tenant, a host, a date. Elsewhere they say what they say."""

CREDENTIAL_NAMES = ("authorization", "proxy_authorization")
COOKIE_NAMES = ("cookie", "set_cookie")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_DOTTED_RUN = re.compile(r"[A-Za-z0-9_.\-]{16,}")
DOTTED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."
CREDENTIALS = re.compile(r"(?i)\b(?:bearer|dpop)\s+([A-Za-z0-9._~+/-]{12,}+)={0,2}+(?![=\w])")

_NO_TAG = f"(?!{TAG.pattern})"
USERINFO = re.compile(rf"(?<=//){_NO_TAG}(?P<value>[^/?#\s\"'<>\\]+)(?=@)")
PARAMETER = re.compile(rf"(?:^|(?<=[?&#]))(?P<name>[^=&#?/:]+)={_NO_TAG}(?P<value>[^&#]+)")
_PAIR = re.compile(
    rf"(?:^|(?<=[?&;\s\"'#(,]))(?P<name>[A-Za-z0-9_.%\-\[\]]{{2,60}})={_NO_TAG}(?P<value>[^&\s\"'<>#;,)\\]+)"
)
_MEMBER = re.compile(rf'"(?P<name>[^"\\]{{1,60}})"\s*+:\s*+"{_NO_TAG}(?P<value>[^"\\]*+(?:\\.[^"\\]*+)*+)', re.DOTALL)
_QUOTED_MEMBER = re.compile(_MEMBER.pattern.replace('"', "'"), re.DOTALL)
_ESCAPED_MEMBER = re.compile(
    rf'(?P<slashes>\\{{1,7}}+)"(?P<name>[^"\\]{{1,60}})(?P=slashes)"\s*+:\s*+(?P=slashes)"{_NO_TAG}(?P<value>[^"\\]*+)'
)
_TOLD = re.compile(
    r"(?i)(?<![A-Za-z])(?P<name>token|secret|key|passw(?:or)?d|passphrase|credentials?|cookie|code)(?:\s+(?:is|was)|\s?:)"
    rf"\s+[\"'`]?+{_NO_TAG}(?P<value>(?=\S{{0,64}}\d)[A-Za-z0-9._~+/=-]{{16,}}+)"
)
NUMBER = re.compile(r'"(?P<name>[^"\\]{1,60})"\s*+:\s*+(?P<value>-?\d{4,}+)')
FORM = re.compile(r"[A-Za-z0-9_\-.%\[\]]{1,60}=[^&\s{}]*+(?:&[A-Za-z0-9_\-.%\[\]]{1,60}=[^&\s{}]*+)*+")


def is_secret_name(name: str) -> bool:
    """Whether the value of a parameter, JSON member or header field of this name is a secret."""
    lower = normal(name)
    if lower in SECRET_NAMES or lower.replace("_", "-") in SECRET_NAMES:
        return True
    return bool(SECRET_PARTS.search(lower)) and not PUBLIC_NAMES.search(lower)


def normal(name: str) -> str:
    """A name in lower case, with ``accessToken`` as ``access_token``."""
    return _HUMP.sub("_", name).lower()


def is_secret_member(name: str, value: str) -> bool:
    """Whether the value of a JSON member, or of a pair in free text, is a secret."""
    if not name or not is_secret_name(name):
        return bool(_JWT.fullmatch(value))
    return normal(name) not in AMBIGUOUS_NAMES or looks_random(value)


def is_secret_number(name: str) -> bool:
    """Whether even a number under this name is a secret."""
    lower = normal(name)
    return (lower in SECRET_NAMES and lower not in AMBIGUOUS_NAMES) or bool(_SECRET_NUMBER.search(lower))


def kind_of(name: str) -> str:
    """The kind in a tag: a word of ours, because a name may be the server's and hold a secret itself."""
    lower = re.sub(r"[^a-z0-9]+", "_", normal(name)).strip("_")
    if lower in SECRET_NAMES or lower.replace("_", "-") in SECRET_NAMES:
        return lower
    part = SECRET_PARTS.search(normal(name))
    return re.sub(r"[^a-z]+", "_", part[1]) if part else lower if lower in _OWN_KINDS else "secret"


_OWN_KINDS = frozenset(("basic", "userinfo", "header", "parameter"))


def jwts(text: str) -> Iterator[str]:
    """What looks like a JWT, also behind other word characters, in one pass."""
    for run in _DOTTED_RUN.finditer(text):
        parts = run[0].split(".")
        for header, claims, signature in zip(parts, parts[1:], parts[2:], strict=False):
            start = header.find("eyJ")
            if start >= 0 and len(header) - start > 10 and claims:
                yield f"{header[start:]}.{claims}.{signature}"


def unescaped(content: str) -> str:
    """The content of a JSON string as it reads; as it stands where it is none."""
    if "\\" not in content:
        return content
    try:
        return str(json.loads(f'"{content}"', strict=False))
    except ValueError:
        return content


PLACES: tuple[tuple[re.Pattern[str], Callable[[str], str]], ...] = (
    (_MEMBER, unescaped),
    (_QUOTED_MEMBER, unescaped),
    (_ESCAPED_MEMBER, str),
    (_PAIR, unquote_plus),
    (_TOLD, str),
)
"""How names and values stand side by side in text, and how each is to be read."""
