"""Which JSON a client takes for a metadata document: the libraries they read it with refuse members of a wrong type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from mcp_oauth_nb.protocol.wellknown import split

Check = Callable[[Any], bool]
_UNSAFE = ("javascript", "data", "vbscript")


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _http(value: Any) -> bool:
    return isinstance(value, str) and split(value.strip()) is not None


def _https(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_http, value))


def is_url(value: Any) -> bool:
    """Whether JavaScript reads it as a URL of a harmless scheme."""
    if not isinstance(value, str):
        return False
    try:
        scheme = urlsplit(value).scheme
    except ValueError:
        return False
    return bool(scheme) and scheme not in _UNSAFE and (scheme not in ("http", "https") or split(value) is not None)


def _urls(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_url, value))


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _near_flag(value: Any) -> bool:
    words = ("true", "false", "yes", "no", "on", "off", "1", "0", "t", "f", "y", "n")
    return _flag(value) or value in (0, 1) or (isinstance(value, str) and value.lower() in words)


def _anything(_: Any) -> bool:
    return True


def _each(check: Check, names: str) -> dict[str, Check]:
    return dict.fromkeys(names.split(), check)


_LISTS = """scopes_supported bearer_methods_supported resource_signing_alg_values_supported
    authorization_details_types_supported dpop_signing_alg_values_supported"""
_SERVER_LISTS = """scopes_supported response_modes_supported grant_types_supported response_types_supported
    token_endpoint_auth_methods_supported token_endpoint_auth_signing_alg_values_supported
    revocation_endpoint_auth_methods_supported revocation_endpoint_auth_signing_alg_values_supported
    introspection_endpoint_auth_methods_supported introspection_endpoint_auth_signing_alg_values_supported
    code_challenge_methods_supported"""
_OIDC_LISTS = """scopes_supported response_types_supported response_modes_supported grant_types_supported
    acr_values_supported subject_types_supported id_token_signing_alg_values_supported
    id_token_encryption_alg_values_supported id_token_encryption_enc_values_supported
    userinfo_signing_alg_values_supported userinfo_encryption_alg_values_supported
    userinfo_encryption_enc_values_supported request_object_signing_alg_values_supported
    request_object_encryption_alg_values_supported request_object_encryption_enc_values_supported
    token_endpoint_auth_methods_supported token_endpoint_auth_signing_alg_values_supported display_values_supported
    claim_types_supported claims_supported claims_locales_supported ui_locales_supported
    code_challenge_methods_supported"""
_ENDPOINTS = "authorization_endpoint token_endpoint"

MEMBERS: Mapping[tuple[str, str], Mapping[str, Check]] = {
    ("pydantic", "resource"): {
        **_each(_http, "resource jwks_uri resource_documentation resource_policy_uri resource_tos_uri"),
        "authorization_servers": _https,
        **_each(_texts, _LISTS),
        "resource_name": _text,
        **_each(_near_flag, "tls_client_certificate_bound_access_tokens dpop_bound_access_tokens_required"),
    },
    ("pydantic", "server"): {
        **_each(_http, f"issuer {_ENDPOINTS} registration_endpoint service_documentation op_policy_uri op_tos_uri "
                "revocation_endpoint introspection_endpoint"),
        **_each(_texts, f"{_SERVER_LISTS} ui_locales_supported authorization_grant_profiles_supported"),
        **_each(_near_flag, "client_id_metadata_document_supported authorization_response_iss_parameter_supported"),
    },
    ("zod", "resource"): {
        **_each(is_url, "resource jwks_uri resource_policy_uri resource_tos_uri"),
        "authorization_servers": _urls,
        **_each(_texts, _LISTS),
        **_each(_text, "resource_name resource_documentation"),
        **_each(_flag, "tls_client_certificate_bound_access_tokens dpop_bound_access_tokens_required"),
    },
    ("zod", "server"): {
        **_each(_text, "issuer introspection_endpoint"),
        **_each(is_url, f"{_ENDPOINTS} registration_endpoint service_documentation revocation_endpoint"),
        **_each(_texts, _SERVER_LISTS),
        "client_id_metadata_document_supported": _flag,
    },
    ("zod", "oidc"): {
        **_each(_text, "issuer service_documentation"),
        **_each(is_url, f"{_ENDPOINTS} userinfo_endpoint jwks_uri registration_endpoint op_policy_uri op_tos_uri"),
        **_each(_texts, _OIDC_LISTS),
        **_each(_flag, "claims_parameter_supported request_parameter_supported request_uri_parameter_supported "
                "require_request_uri_registration client_id_metadata_document_supported"),
    },
    ("pydantic", "client"): {
        **_each(_text, "client_id client_secret scope client_name token_endpoint_auth_method"),
        **_each(_texts, "grant_types response_types redirect_uris contacts"),
    },
    ("zod", "client"): {
        **_each(_text, "client_id client_secret scope client_name token_endpoint_auth_method application_type "
                "policy_uri software_id software_version software_statement"),
        "redirect_uris": _urls,
        **_each(is_url, "client_uri jwks_uri"),
        **_each(_texts, "grant_types response_types contacts"),
    },
}  # fmt: skip
"""The members that are looked at, by library and kind of document."""
REQUIRED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("pydantic", "resource"): ("resource", "authorization_servers"),
    ("pydantic", "server"): ("issuer", "authorization_endpoint", "token_endpoint"),
    ("zod", "resource"): ("resource",),
    ("zod", "server"): ("issuer", "authorization_endpoint", "token_endpoint", "response_types_supported"),
    ("zod", "oidc"): ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "response_types_supported",
                      "subject_types_supported", "id_token_signing_alg_values_supported"),
    ("pydantic", "client"): ("client_id",),
    ("zod", "client"): ("client_id", "redirect_uris"),
}  # fmt: skip
_NOT_NULL = ("response_types_supported",)


def refused(document: Mapping[str, Any], library: str, kind: str) -> tuple[str, ...]:
    """The members for which a client refuses a document, in the order of its schema; empty where it takes it.

    Args:
        document: a JSON object.
        library: a value of the behaviour ``documents``.
        kind: ``resource``, ``server``, ``oidc`` for one at a location of OpenID Connect Discovery, or ``client`` for
            the answer to a registration.
    """
    if library == "objects":
        return ()
    kind = "server" if kind == "oidc" and library == "pydantic" else kind
    needed = REQUIRED[library, kind]
    return tuple(
        name
        for name, check in MEMBERS[library, kind].items()
        if (name not in document and name in needed)
        or (name in document and not (_is_absent(document[name], library, name, needed) or check(document[name])))
    )


def _is_absent(value: Any, library: str, name: str, needed: tuple[str, ...]) -> bool:
    return value is None and library == "pydantic" and name not in needed and name not in _NOT_NULL
