"""An authorization server made of django-oauth-toolkit: ``python -m tests.grants.django_server FOLDER``.

It lives in a process of its own, because Django is configured once per process. It asks nobody: whoever opens a page
is logged in, and every client has been approved beforehand. It writes what there is on stdout as one line of JSON, and
ends when stdin does. Beside the endpoints of the library there is an API that wants a token, ``/api/``.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
from http.server import HTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

USER, PASSWORD = "alice", secrets.token_urlsafe(16)
SCOPES = {"read": "Read", "write": "Write", "introspection": "Ask about tokens", "openid": "Who it is"}
LIFETIME_S = 600
CALLBACK = "http://127.0.0.1/callback"
"""Any port of it is taken (RFC 8252 7.3)."""


def configure(folder: Path, key: str) -> None:
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": folder / "django.sqlite3",
                "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
            }
        },
        DEBUG=False,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "oauth2_provider",
        ],
        LOGGING_CONFIG=None,
        LOGIN_URL="/nobody-has-to-log-in",
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "tests.grants.django_urls.logged_in",
        ],
        OAUTH2_PROVIDER={
            "ACCESS_TOKEN_EXPIRE_SECONDS": LIFETIME_S,
            "ALLOW_URI_WILDCARDS": False,
            "OIDC_ENABLED": True,
            "OIDC_RSA_PRIVATE_KEY": key,
            "PKCE_REQUIRED": False,
            "REFRESH_TOKEN_REUSE_PROTECTION": True,
            "ROTATE_REFRESH_TOKEN": True,
            "SCOPES": SCOPES,
            "DEFAULT_SCOPES": ["read"],
        },
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        ROOT_URLCONF="tests.grants.django_urls",
        SECRET_KEY=secrets.token_urlsafe(32),
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
            }
        ],
        USE_TZ=True,
    )
    django.setup()


def applications() -> dict[str, dict[str, str]]:
    """A client for each grant; confidential ones with a secret."""
    from django.contrib.auth.models import User
    from oauth2_provider.models import get_application_model

    model = get_application_model()
    user = User.objects.create_user(USER, f"{USER}@example.com", PASSWORD)
    made = {}
    for name, grant, kind in (
        ("code", model.GRANT_AUTHORIZATION_CODE, "confidential"),
        ("public", model.GRANT_AUTHORIZATION_CODE, "public"),
        ("implicit", model.GRANT_IMPLICIT, "public"),
        ("password", model.GRANT_PASSWORD, "confidential"),
        ("service", model.GRANT_CLIENT_CREDENTIALS, "confidential"),
    ):
        secret = secrets.token_urlsafe(24)
        model.objects.create(
            client_id=name,
            client_secret=secret,
            client_type=kind,
            authorization_grant_type=grant,
            redirect_uris=CALLBACK,
            skip_authorization=True,
            user=user,
            algorithm="RS256",
        )
        made[name] = {"client_id": name, **({"client_secret": secret} if kind == "confidential" else {})}
    return made


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is nobody's news."""


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing: the line would hold codes and tokens."""


def main() -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    configure(Path(sys.argv[1]), pem.decode())
    call_command("migrate", verbosity=0, run_syncdb=True)
    clients = applications()
    server: HTTPServer = Server(("127.0.0.1", 0), Quiet)
    server.set_app(get_wsgi_application())  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{server.server_address[1]}"
    sys.stdout.write(json.dumps({"origin": origin, "clients": clients, "user": USER, "password": PASSWORD}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
