"""What is wrong with a call of the command line, in its own words: options, where the package speaks of arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mcp_oauth_nb.errors import BadSetting

OPTIONS: Mapping[str, str] = {
    "url": "URL",
    "method": "METHOD",
    "protocol": "--protocol",
    "registration": "--registration",
    "client": "--client-id",
    "client_auth_method": "--client-auth-method",
    "client_metadata_url": "--client-metadata-url",
    "authorization_server": "--authorization-server",
    "initial_access_token": "--initial-access-token-env",
    "software_statement": "--software-statement-env",
    "redirect_uri": "--redirect-url",
    "allow_remote_redirect": "--allow-remote-redirect",
    "allow_hosts": "--allow-host",
    "scope": "--scopes",
    "headers": "--header",
    "verify": "--ca",
    "body": "--body",
    "step_timeout_s": "--step-timeout",
    "callback_timeout_s": "--callback-timeout",
    "tool": "--verify-call-tool",
    "grant": "--grant",
    "assertion": "--assertion-env",
    "enterprise": "--idp-token-endpoint",
    "dpop": "--dpop",
    "private_key= or dpop": "--private-key-file or --dpop",
    "audit(only=)": "--only",
    "Client(client_id)": "--client-id",
    "Client(secret=)": "--client-secret-env",
    "Client(private_key=)": "--private-key-file",
    "Client(algorithm=)": "--private-key-algorithm",
    "Enterprise(idp_token_endpoint=)": "--idp-token-endpoint",
    "Enterprise(idp_client_id=)": "--idp-client-id",
    "Enterprise(id_token=)": "--id-token-env",
}
"""By what an error calls an argument: the option that stands for it."""
MENDS: Mapping[str, str] = {
    "client": "Give --client-id ID, with --client-secret-env NAME or --private-key-file FILE where it has one.",
    "client_auth_method": "Leave --client-auth-method or the other client out.",
    "client_metadata_url": "Give --client-metadata-url URL.",
    "Client(secret=)": "--client-secret-env NAME or --ask-client-secret takes one.",
}
"""In place of a call in Python."""
_ARGUMENT = re.compile(r"\b(\w+)=(True|'[^']*')")
_ENTERPRISE = "Enterprise(...)", "--idp-token-endpoint, --idp-client-id and --id-token-env"


def usage(error: BadSetting) -> str:
    """The message of an error, with options in the places of arguments."""
    name = error.name.partition("[")[0].removesuffix("=") if error.name not in OPTIONS else error.name
    if name not in OPTIONS:
        return str(error)
    mend = MENDS.get(name, "") if "(" in error.mend else _in_options(error.mend)
    told = f"{OPTIONS[name]}: got {_in_options(error.seen)}; expected {_in_options(error.expected)}."
    return f"{told} {mend}" if mend else told


def _in_options(words: str) -> str:
    return _ARGUMENT.sub(_option, words.replace(*_ENTERPRISE))


def _option(found: re.Match[str]) -> str:
    option = OPTIONS.get(found[1])
    if option is None:
        return found[0]
    return option if found[2] == "True" else f"{option} {found[2][1:-1]}"
