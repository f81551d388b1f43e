"""What ``login`` shows the authorization server: the client, its key, the grant and what the grant needs."""

from __future__ import annotations

import argparse
from typing import Any

from mcp_oauth_nb.commands.options import from_environment, from_file
from mcp_oauth_nb.commands.terminal import prompt
from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.jose import PROOF_ALGORITHMS
from mcp_oauth_nb.protocol.flow import AUTH_METHODS, Client
from mcp_oauth_nb.protocol.grants import GRANTS, Enterprise

AUTH_MODES = ("interactive", "headless", "client_credentials")
"""A person in a browser, this process in place of a person, or nobody at all."""
NEEDED_OF_IDP = ("idp_token_endpoint", "idp_client_id", "id_token_env")


def add_credentials(login: argparse.ArgumentParser) -> None:
    """The options; every secret is named by a variable or a file."""
    add = login.add_argument
    add("--auth-mode", default="interactive", choices=AUTH_MODES, help="who follows the redirects, if anybody")
    add("--grant", choices=GRANTS, help="what a token is asked for with (default: authorization_code)")
    add("--client-id", metavar="ID")
    add("--client-secret-env", metavar="NAME", help="the variable that holds the client secret")
    add("--ask-client-secret", action="store_true", help="ask for the client secret with a prompt")
    add("--private-key-file", metavar="FILE", help="the client's private key, as PEM or JWK (private_key_jwt)")
    add("--private-key-algorithm", metavar="ALG", default="ES256", help="what it signs with (default: ES256)")
    method = "how a client that is registered dynamically authenticates (default: as the metadata lists)"
    add("--client-auth-method", choices=AUTH_METHODS, help=method)
    add("--client-metadata-url", metavar="URL", help="the client ID metadata document")
    add("--initial-access-token-env", metavar="NAME", help="the variable with what a closed registration wants")
    add("--software-statement-env", metavar="NAME", help="the variable with a statement for the registration")
    add("--assertion-env", metavar="NAME", help="the variable with the JWT of the grant jwt_bearer")
    add("--idp-token-endpoint", metavar="URL", help="the identity provider of the grant enterprise")
    add("--idp-client-id", metavar="ID")
    add("--id-token-env", metavar="NAME", help="the variable with the user's ID token")
    add("--idp-client-secret-env", metavar="NAME", help="the variable with the client secret at the provider")
    add("--dpop", action="store_true", help="bind tokens to a key that is made for this run")
    algorithm = "the same, with a key for this algorithm (default: one that the servers list)"
    add("--dpop-algorithm", metavar="ALG", choices=PROOF_ALGORITHMS, help=algorithm)


def grant_of(options: argparse.Namespace) -> str:
    """The grant, which the mode without anybody names as well.

    Raises:
        BadSetting: mode and grant contradict each other.
    """
    if options.auth_mode != "client_credentials":
        return options.grant or "authorization_code"
    if options.grant not in (None, "client_credentials"):
        raise BadSetting("--grant", f"{options.grant} with --auth-mode client_credentials", "one of the two options")
    return "client_credentials"


def credentials_of(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of a `Debugger` that these options stand for.

    Raises:
        BadSetting: something is missing, or contradicts something else.
    """
    return {
        "grant": grant_of(options),
        "client": _client(options),
        "client_auth_method": options.client_auth_method,
        "client_metadata_url": options.client_metadata_url,
        "initial_access_token": from_environment("--initial-access-token-env", options.initial_access_token_env),
        "software_statement": from_environment("--software-statement-env", options.software_statement_env),
        "assertion": from_environment("--assertion-env", options.assertion_env),
        "enterprise": _enterprise(options),
        "dpop": options.dpop_algorithm or options.dpop,
    }


def _client(options: argparse.Namespace) -> Client | None:
    shows_more = options.client_secret_env is not None or options.ask_client_secret or options.private_key_file
    if options.client_id is None:
        if shows_more or options.registration == "preregistered":
            raise BadSetting("--client-id", "nothing", "the id that belongs to the pre-registered client")
        return None
    secret = from_environment("--client-secret-env", options.client_secret_env)
    key = from_file("--private-key-file", options.private_key_file)
    if options.ask_client_secret:
        secret = prompt("Client secret: ")
    return Client(options.client_id, secret=secret, private_key=key, algorithm=options.private_key_algorithm)


def _enterprise(options: argparse.Namespace) -> Enterprise | None:
    given = [name for name in (*NEEDED_OF_IDP, "idp_client_secret_env") if getattr(options, name) is not None]
    if not given:
        return None
    missing = [name for name in NEEDED_OF_IDP if name not in given]
    if missing:
        wanted = ", ".join("--" + name.replace("_", "-") for name in missing)
        raise BadSetting("the identity provider", "part of what it needs", f"{wanted} as well")
    return Enterprise(
        options.idp_token_endpoint,
        options.idp_client_id,
        from_environment("--id-token-env", options.id_token_env) or "",
        idp_client_secret=from_environment("--idp-client-secret-env", options.idp_client_secret_env),
    )
