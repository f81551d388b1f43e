"""An authorization server and API of a few lines: every refresh token is good once, and a second use ends the grant."""

from __future__ import annotations

import base64
import itertools
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from mcp_oauth_nb import OAuth2


class Rotating:
    """What it issues is numbered; `next_answers` are given at the token endpoint before its own, status and object.

    Attributes:
        life_s: of the access tokens; `id_life_s` of ID tokens, which there are none of without it.
        is_dead: a refresh token was shown twice.
        forms: what the token endpoint was asked, in order; `revoked` what the revocation endpoint was.
        refusing: the API says no to every token.
        crowd: the first refresh is answered when a second one is there, or after a second.
    """

    def __init__(self, **settings):
        self.life_s, self.id_life_s, self.extra = 3600, None, {}
        self.refusing, self.crowd, self.is_dead = False, False, False
        self.unsupported = False
        self.next_answers, self.forms, self.revoked = [], [], []
        self.good, self.live, self.spent = {}, set(), set()
        vars(self).update(settings)
        self._name = secrets.token_hex(8)
        self._numbers, self._lock, self._second = itertools.count(1), threading.Lock(), threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def oauth(self, **settings):
        usual = {
            "authorization_url": f"{self.url}/authorize",
            "token_url": f"{self.url}/token",
            "revocation_url": f"{self.url}/revoke",
            "client_id": "id",
            "browser": "follow",
        }
        made = OAuth2(**{**usual, **settings})
        made.run()
        return made

    @property
    def refreshes(self):
        return [one for one in self.forms if one["grant_type"] == ["refresh_token"]]

    def token_answer(self, form):
        self.forms.append(form)
        if self.next_answers:
            return self.next_answers.pop(0)
        shown = form.get("refresh_token", [None])[0]
        if shown is not None:
            if len(self.refreshes) > 1:
                self._second.set()
            elif self.crowd:
                self._second.wait(1)
            with self._lock:
                self.is_dead |= shown in self.spent
                if self.is_dead or shown not in self.live:
                    return 400, {"error": "invalid_grant"}
                self.live.discard(shown)
                self.spent.add(shown)
        return 200, self._issued()

    def _issued(self):
        number = f"{self._name}-{next(self._numbers):04}"
        access, refresh = f"access-token-{number}", f"refresh-token-{number}"
        self.good[access] = time.time() + self.life_s
        self.live.add(refresh)
        made = {"access_token": access, "token_type": "Bearer", "expires_in": self.life_s, "refresh_token": refresh}
        if self.id_life_s is not None:
            now = int(time.time())
            claims = {"iss": self.url, "sub": "u", "aud": "id", "iat": now, "exp": now + self.id_life_s, "jti": number}
            made["id_token"] = f"{_part({'alg': 'RS256'})}.{_part(claims)}.c2lnbmF0dXJl"
            self.good[made["id_token"]] = claims["exp"]
        return {**made, **self.extra}

    def revoke_answer(self, token):
        if self.unsupported and token in self.good:
            return 400, {"error": "unsupported_token_type"}
        self.revoked.append(token)
        self.good.pop(token, None)
        self.live.discard(token)
        return 200, {}

    def accepts(self, token):
        return not self.refusing and not self.is_dead and self.good.get(token, 0) > time.time()


def _part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _handler(server):
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def answer(self, status, value, **headers):
            body = json.dumps(value).encode()
            self.send_response(status)
            named = {"Content-Type": "application/json", "Cache-Control": "no-store", **headers}
            for name, one in {**named, "Content-Length": str(len(body))}.items():
                self.send_header(name, one)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            asked = urlsplit(self.path)
            query = parse_qs(asked.query)
            if asked.path == "/authorize":
                code = f"?code=code-Zk3vQx9hw8rT7mN2pL5s&state={query['state'][0]}"
                return self.answer(302, {}, Location=query["redirect_uri"][0] + code)
            if server.accepts(self.headers.get("Authorization", "").rpartition(" ")[2]):
                return self.answer(200, {})
            return self.answer(401, {}, **{"WWW-Authenticate": 'Bearer error="invalid_token"'})

        def do_POST(self):
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            if urlsplit(self.path).path == "/revoke":
                return self.answer(*server.revoke_answer(form["token"][0]))
            return self.answer(*server.token_answer(form))

    return Handler
