"""A flow that a person walks with curl: every request made by the real program, its log as it stood on the screen."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

CLIENT = {"redirect_uris": ["http://127.0.0.1:8765/callback"], "client_name": "by hand", "grant_types":
          ["authorization_code", "refresh_token"], "response_types": ["code"], "token_endpoint_auth_method": "none",
          "application_type": "native", "scope": "mcp:tools"}  # fmt: skip
REDIRECT = "http://127.0.0.1:8765/callback"
VERIFIER = "curl-verifier-curl-verifier-curl-verifier-0123456789"
STATE = "curl-state-0123456789abcdef"


@dataclass
class Curl:
    """Runs curl and keeps what it showed.

    Attributes:
        how: the options that make it show it.
        prompts: the command lines stand in the log, too.
    """

    folder: Path
    how: tuple[str, ...] = ("-v",)
    prompts: bool = True
    shown: list[str] = field(default_factory=list)
    secrets: set[str] = field(default_factory=lambda: {VERIFIER, STATE})

    @property
    def log(self) -> str:
        return "".join(self.shown)

    def send(self, *arguments: str) -> tuple[int, str, str]:
        """Status, header and body of the answer; status 0 where there is none."""
        head = self.folder / "head"
        head.unlink(missing_ok=True)
        traced = self.folder / "trace"
        command = ["curl", "-sS", *self.how, *((traced.name,) if self.how != ("-v",) else ()), *arguments]
        run = [*command, "--max-time", "20", "-D", head]
        done = subprocess.run(run, capture_output=True, timeout=30, check=False, cwd=self.folder)
        if self.prompts:
            self.shown.append(f"$ {shlex.join(command)}\n")
        if self.how == ("-v",):
            self.shown += [one.decode("utf-8", "surrogateescape") for one in (done.stderr, done.stdout)]
        else:
            self.shown.append(traced.read_text("utf-8", "surrogateescape"))
        text = head.read_text() if head.exists() else ""
        status = re.match(r"HTTP/\S+ (\d+)", text)
        return int(status[1]) if status else 0, text, done.stdout.decode("utf-8", "replace")

    def walk(self, url: str) -> None:
        """The flow, as far as it goes: what a person would do who follows the answers."""
        _, head, _ = self.rpc(url, "initialize")
        named = re.search(r'resource_metadata="([^"]+)"', head)
        _, _, body = self.send(named[1] if named else f"{origin(url)}/.well-known/oauth-protected-resource/mcp")
        issuer = (read(body).get("authorization_servers") or [origin(url)])[0]
        _, _, body = self.send(f"{issuer}/.well-known/oauth-authorization-server")
        server = read(body)
        if "registration_endpoint" not in server:
            return
        _, _, body = self.send(
            "-H", "Content-Type: application/json", "-d", json.dumps(CLIENT), server["registration_endpoint"]
        )
        client = read(body).get("client_id")
        if not client:
            return
        challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
        asked = {"response_type": "code", "client_id": client, "redirect_uri": REDIRECT, "code_challenge": challenge,
                 "code_challenge_method": "S256", "state": STATE, "resource": url, "scope": "mcp:tools"}  # fmt: skip
        code = self.code(f"{server['authorization_endpoint']}?{urlencode(asked)}")
        if not code:
            return
        sent = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "client_id": client,
                "code_verifier": VERIFIER, "resource": url}  # fmt: skip
        _, _, body = self.send("-d", urlencode(sent), server["token_endpoint"])
        issued = read(body)
        self.secrets |= {one for name in ("access_token", "refresh_token") if (one := issued.get(name))} | {code}
        if "access_token" in issued:
            self.rpc(url, "initialize", "-H", f"Authorization: Bearer {issued['access_token']}")

    def code(self, url: str) -> str:
        """The code at the end of the redirects, as the browser would show it; empty where there is none."""
        for _ in range(8):
            _, head, _ = self.send(url)
            leads = re.search(r"(?im)^location: (\S+)", head)
            if not leads or leads[1].startswith(REDIRECT):
                return parse_qs(urlsplit(leads[1]).query).get("code", [""])[0] if leads else ""
            url = urljoin(url, leads[1])
        return ""

    def rpc(self, url: str, method: str, *more: str) -> tuple[int, str, str]:
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "curl", "version": "1"}}
        message = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": hello})
        wanted = ("-H", "Content-Type: application/json", "-H", "Accept: application/json, text/event-stream")
        return self.send("-X", "POST", url, *wanted, *more, "-d", message)


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def read(body: str) -> dict[str, object]:
    """The JSON object in a body, also where something stands around it; empty for anything else."""
    try:
        found = json.loads(body[body.find("{") : body.rfind("}") + 1])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
