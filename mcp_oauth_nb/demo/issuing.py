"""What a plain authorization server remembers and decides: codes, device codes, tokens, and who may have them.

No HTTP is here: an answer is a status and an object. Every grant of RFC 6749 and RFC 8628 is there, the ones that are
no longer to be used as well, because there are APIs that know nothing else.
"""

import hashlib
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from .jwts import Signer

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
CODE_S, DEVICE_S = 60.0, 600.0
"""How long an authorization code and a device code can be used, in seconds."""
INTERVAL_S = 1
"""Seconds a device has to wait between two questions (RFC 8628 3.2)."""
TYPED = "BCDFGHJKLMNPQRSTVWXZ"
"""Letters of a user code: no vowels, so that no words come up (RFC 8628 6.1)."""
HOSTS = ("127.0.0.1", "localhost", "::1")

Answer = tuple[int, dict[str, Any]]
Form = Mapping[str, str]


@dataclass(frozen=True, repr=False)
class Issued:
    """An access token or refresh token that is alive."""

    subject: str
    scope: str
    until_s: float


@dataclass(repr=False)
class Device:
    """A device that waits for a person."""

    user_code: str
    scope: str
    until_s: float
    decision: bool | None = None


@dataclass(repr=False)
class Issuing:
    """The memory of one authorization server.

    Attributes:
        issuer: its URL.
        client_id: its one client, which may use its secret or do without.
        lifetime_s: seconds an access token works.
        secrets: everything secret that was given out.
    """

    issuer: str
    client_id: str
    client_secret: str
    username: str
    password: str
    lifetime_s: float
    signer: Signer = field(default_factory=Signer)
    secrets: set[str] = field(default_factory=set)
    codes: dict[str, tuple[dict[str, str], float]] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    access: dict[str, Issued] = field(default_factory=dict)
    refresh: dict[str, Issued] = field(default_factory=dict)

    def mint(self) -> str:
        """A new secret."""
        made = secrets.token_urlsafe(32)
        self.secrets.add(made)
        return made

    # -- the browser ----------------------------------------------------------------------------------------------

    def refuses(self, asked: Form) -> str:
        """Why an authorization request is not sent back to where it says (RFC 6749 4.1.2.1); empty where it is."""
        if asked.get("client_id") != self.client_id:
            return "There is no such client."
        if urlsplit(asked.get("redirect_uri", "")).hostname not in HOSTS:
            return "The redirect URI must be on this machine."
        return ""

    def redirect(self, asked: Form, *, granted: bool) -> str:
        """Where the browser goes with what was decided: the answer stands in the query, or in the fragment."""
        wanted = asked.get("response_type", "").split()
        mark = "?" if "code" in wanted or not wanted else "#"
        answer = self._response(asked, wanted) if granted else {"error": "access_denied"}
        told = {**answer, **({"state": asked["state"]} if "state" in asked else {}), "iss": self.issuer}
        return f"{asked['redirect_uri']}{mark}{urlencode(told)}"

    def _response(self, asked: Form, wanted: list[str]) -> dict[str, Any]:
        if wanted == ["code"]:
            code = self.mint()
            self.codes[code] = dict(asked), time.monotonic() + CODE_S
            return {"code": code}
        if not wanted or not set(wanted) <= {"token", "id_token"}:
            return {"error": "unsupported_response_type"}
        answer = self._issued(self.username, asked.get("scope", ""), refresh=False)
        if "id_token" in wanted:
            answer["id_token"] = self._id_token(asked.get("nonce"))
        return answer

    # -- the token endpoint -----------------------------------------------------------------------------------------

    def token(self, form: Form, *, client: bool, confidential: bool) -> Answer:
        """An answer of the token endpoint.

        Args:
            form: what was asked.
            client: it is ours.
            confidential: it has shown its secret.
        """
        if not client:
            return 401, {"error": "invalid_client"}
        kind = form.get("grant_type")
        if kind == "client_credentials" and not confidential:
            return 400, {"error": "unauthorized_client"}
        grants = {
            "authorization_code": self._of_code,
            "password": self._of_password,
            "client_credentials": self._of_client,
            "refresh_token": self._of_refresh,
            DEVICE: self._of_device,
        }
        return grants[kind](form) if kind in grants else (400, {"error": "unsupported_grant_type"})

    def _of_password(self, form: Form) -> Answer:
        if (form.get("username"), form.get("password")) != (self.username, self.password):
            return 400, {"error": "invalid_grant", "error_description": "wrong username or password"}
        return 200, self._issued(self.username, form.get("scope", ""))

    def _of_client(self, form: Form) -> Answer:
        return 200, self._issued(self.client_id, form.get("scope", ""), refresh=False)

    def _of_refresh(self, form: Form) -> Answer:
        held = self.refresh.pop(form.get("refresh_token", ""), None)
        if held is None:
            return 400, {"error": "invalid_grant"}
        return 200, self._issued(held.subject, form.get("scope") or held.scope)

    def _of_code(self, form: Form) -> Answer:
        asked, until = self.codes.pop(form.get("code", ""), ({}, 0.0))
        fits = asked.get("redirect_uri") == form.get("redirect_uri") and _verified(asked, form)
        if until < time.monotonic() or not fits:
            return 400, {"error": "invalid_grant"}
        answer = self._issued(self.username, asked.get("scope", ""))
        if "openid" in asked.get("scope", "").split():
            answer["id_token"] = self._id_token(asked.get("nonce"))
        return 200, answer

    def _of_device(self, form: Form) -> Answer:
        code = form.get("device_code", "")
        held = self.devices.get(code)
        if held is None:
            return 400, {"error": "invalid_grant"}
        if held.until_s < time.monotonic():
            return 400, {"error": "expired_token"}
        if held.decision is None:
            return 400, {"error": "authorization_pending"}
        del self.devices[code]
        return (200, self._issued(self.username, held.scope)) if held.decision else (400, {"error": "access_denied"})

    # -- devices ----------------------------------------------------------------------------------------------------

    def device(self, form: Form, page: str) -> Answer:
        """An answer of the device authorization endpoint (RFC 8628 3.2); `page` is where the code is typed."""
        code, typed = self.mint(), "".join(secrets.choice(TYPED) for _ in range(8))
        user_code = f"{typed[:4]}-{typed[4:]}"
        self.secrets.add(user_code)
        self.devices[code] = Device(user_code, form.get("scope", ""), time.monotonic() + DEVICE_S)
        return 200, {
            "device_code": code,
            "user_code": user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?{urlencode({'user_code': user_code})}",
            "expires_in": int(DEVICE_S),
            "interval": INTERVAL_S,
        }

    def decide(self, user_code: str, *, granted: bool) -> bool:
        """Take a person's decision; whether there is a device with that code."""
        typed = user_code.strip().upper()
        waiting = [one for one in self.devices.values() if one.user_code == typed and one.decision is None]
        for one in waiting:
            one.decision = granted
        return bool(waiting)

    # -- tokens -----------------------------------------------------------------------------------------------------

    def alive(self, token: str) -> Issued | None:
        """What an access token stands for; None for one that is unknown, over or revoked."""
        held = self.access.get(token)
        return held if held is not None and held.until_s > time.time() else None

    def revoke(self, token: str) -> None:
        """Forget a token; one that is unknown needs no forgetting (RFC 7009 2.2)."""
        self.access.pop(token, None)
        self.refresh.pop(token, None)

    def introspect(self, token: str) -> dict[str, Any]:
        """What a token is worth (RFC 7662 2.2)."""
        held = self.alive(token) or self.refresh.get(token)
        if held is None:
            return {"active": False}
        told = {"active": True, "client_id": self.client_id, "sub": held.subject, "scope": held.scope}
        return {**told, **({"exp": int(held.until_s)} if token in self.access else {})}

    def _issued(self, subject: str, scope: str, *, refresh: bool = True) -> dict[str, Any]:
        held = Issued(subject, scope or "read", time.time() + self.lifetime_s)
        token = self.mint()
        self.access[token] = held
        answer: dict[str, Any] = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(self.lifetime_s),
            "scope": held.scope,
        }
        if refresh:
            answer["refresh_token"] = self.mint()
            self.refresh[answer["refresh_token"]] = held
        return answer

    def _id_token(self, nonce: str | None) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": self.client_id, "sub": self.username, "iat": now, "exp": now + 900}
        made = self.signer.id_token({**claims, **({"nonce": nonce} if nonce else {})})
        self.secrets.add(made)
        return made


def _verified(asked: Form, form: Form) -> bool:
    """Whether the verifier belongs to the challenge, by its method (RFC 7636 4.6); none where none was sent."""
    challenge, verifier = asked.get("code_challenge"), form.get("code_verifier", "")
    if challenge is None:
        return not verifier
    if asked.get("code_challenge_method", "plain") == "plain":
        return verifier == challenge
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode() == challenge
