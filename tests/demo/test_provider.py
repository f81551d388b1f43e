"""What the authorization server guarantees about codes and tokens."""

import pytest

from mcp_oauth_nb.demo import DemoServer

from .walker import REDIRECT, Walker

OTHER = "https://other.example/mcp"


def error_of(answer: object) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]  # type: ignore[attr-defined]


def test_a_code_works_once_and_using_it_again_ends_the_grant(walker: Walker) -> None:
    code = walker.authorize()["code"]
    tokens = walker.token(code).json()
    assert walker.works(tokens["access_token"])
    assert error_of(walker.token(code)) == (400, "invalid_grant")
    assert not walker.works(tokens["access_token"])
    assert error_of(walker.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("bent", "error"),
    [
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"code": "code_unknown"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"redirect_uri": REDIRECT + "/"}, "invalid_grant"),
        ({"redirect_uri": REDIRECT.upper()}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"resource": None}, "invalid_request"),
        ({"resource": OTHER}, "invalid_target"),
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unauthorized_client"),
    ],
)
def test_a_wrong_token_request_is_refused_and_leaves_the_code_usable(
    walker: Walker, bent: dict[str, str | None], error: str
) -> None:
    code = walker.authorize()["code"]
    form: dict[str, str | None] = {"code": code, **bent}
    assert error_of(walker.token(**form)) == (400, error)  # type: ignore[arg-type]
    assert walker.token(code).status_code == 200


def test_a_code_belongs_to_its_client(server: DemoServer, walker: Walker) -> None:
    code = walker.authorize()["code"]
    with Walker(server, server.confidential_client) as thief:
        thief.verifier = walker.verifier
        assert error_of(thief.token(code)) == (400, "invalid_grant")
    assert walker.token(code).status_code == 200


def test_an_expired_code_is_refused() -> None:
    with DemoServer(code_lifetime_s=0) as server, Walker(server, server.public_client) as walker:
        answer = walker.token(walker.authorize()["code"])
        assert error_of(answer) == (400, "invalid_grant")
        assert "expired" in answer.json()["error_description"]


def test_an_expired_access_token_is_refused() -> None:
    with DemoServer(access_token_lifetime_s=0) as server, Walker(server, server.public_client) as walker:
        answer = walker.mcp(token=walker.tokens()["access_token"])
        assert answer.status_code == 401
        assert 'error_description="The access token expired"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("bent", "error"),
    [
        ({"resource": None}, "invalid_request"),
        ({"resource": OTHER}, "invalid_target"),
        ({"resource": ""}, "invalid_request"),
        ({"scope": "mcp:admin"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_a_wrong_authorization_request_comes_back_with_an_error(
    server: DemoServer, walker: Walker, bent: dict[str, str | None], error: str
) -> None:
    answer = walker.request(**bent)
    assert answer.status_code == 302
    location = answer.headers["location"]
    assert location.startswith(REDIRECT + "?")
    back = dict(pair.split("=", 1) for pair in location.partition("?")[2].split("&"))
    assert (back["error"], back["state"]) == (error, "walker-state")
    assert back["iss"] == server.issuer.replace(":", "%3A").replace("/", "%2F")
    assert "code" not in back


@pytest.mark.parametrize(
    "bent",
    [
        {"redirect_uri": "http://127.0.0.2:9999/callback"},
        {"redirect_uri": REDIRECT + "/"},
        {"redirect_uri": REDIRECT + "?x=1"},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": "not a url"},
        {"client_id": "nobody"},
        {"client_id": None},
    ],
)
def test_an_unregistered_redirect_or_client_is_never_redirected(walker: Walker, bent: dict[str, str | None]) -> None:
    answer = walker.request(**bent)
    assert error_of(answer) == (400, "invalid_request")
    assert "location" not in answer.headers


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1/callback", "http://localhost:65000/callback"])
def test_preregistered_clients_use_any_loopback_port(server: DemoServer, uri: str) -> None:
    with Walker(server, server.public_client) as walker:
        assert walker.token(walker.authorize(redirect_uri=uri)["code"], redirect_uri=uri).status_code == 200
        for wrong in ("http://127.0.0.1:1/other", "http://127.0.0.2:1/callback", "http://127.0.0.1:x/callback"):
            assert walker.request(redirect_uri=wrong).status_code == 400


def test_a_client_that_registered_itself_uses_any_loopback_port(walker: Walker) -> None:
    other = "http://127.0.0.1:9999/callback"
    assert walker.token(walker.authorize(redirect_uri=other)["code"], redirect_uri=other).status_code == 200


def test_a_redirect_uri_is_used_as_it_was_written(walker: Walker) -> None:
    for uri in ("http://localhost:8765", "http://127.0.0.1:8765/cb?a=b&c="):
        assert walker.register(redirect_uris=[uri]).json()["redirect_uris"] == [uri]
        back = walker.http.get(walker.request(redirect_uri=uri).headers["location"]).headers["location"]
        assert back.startswith(uri + ("&code=" if "?" in uri else "?code="))


def test_the_only_redirect_uri_need_not_be_named(walker: Walker) -> None:
    code = walker.authorize(redirect_uri=None)["code"]
    assert walker.token(code, redirect_uri=None).status_code == 200


def test_refresh_tokens_rotate_and_an_old_one_ends_the_grant(walker: Walker) -> None:
    old = walker.tokens()
    new = walker.refresh(old["refresh_token"]).json()
    assert walker.works(new["access_token"])
    assert error_of(walker.refresh(old["refresh_token"])) == (400, "invalid_grant")
    assert error_of(walker.refresh(new["refresh_token"])) == (400, "invalid_grant")
    assert not walker.works(new["access_token"])
    assert not walker.works(old["access_token"])


def test_refreshing_needs_the_resource_and_keeps_within_the_scope(walker: Walker) -> None:
    token = walker.tokens()["refresh_token"]
    assert error_of(walker.refresh(token, resource=None)) == (400, "invalid_request")
    assert error_of(walker.refresh(token, resource=OTHER)) == (400, "invalid_target")
    assert error_of(walker.refresh(token, scope="mcp:admin")) == (400, "invalid_scope")
    assert walker.refresh(token).status_code == 200


def test_a_client_without_the_refresh_grant_gets_no_refresh_token(walker: Walker) -> None:
    walker.register(grant_types=["authorization_code"])
    assert "refresh_token" not in walker.tokens()
    assert error_of(walker.refresh("refresh_any")) == (400, "unauthorized_client")


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "no_such_hint"])
def test_revoking_either_token_ends_the_grant(walker: Walker, kind: str, hint: str | None) -> None:
    tokens = walker.tokens()
    answer = walker.post("/revoke", token=tokens[kind], token_type_hint=hint)
    assert (answer.status_code, answer.content) == (200, b"")
    assert not walker.works(tokens["access_token"])
    assert error_of(walker.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


def test_revoking_an_unknown_or_foreign_token_is_fine_and_does_nothing(server: DemoServer, walker: Walker) -> None:
    assert walker.post("/revoke", token="unknown").status_code == 200
    tokens = walker.tokens()
    with Walker(server, server.confidential_client) as stranger:
        assert stranger.post("/revoke", token=tokens["access_token"]).status_code == 200
    assert walker.works(tokens["access_token"])


def test_without_requiring_a_resource_the_token_is_bound_to_the_server() -> None:
    with DemoServer(require_resource=False) as server, Walker(server, server.public_client) as walker:
        tokens = walker.token(walker.authorize(resource=None)["code"], resource=None).json()
        assert walker.works(tokens["access_token"])
        assert error_of(walker.refresh(tokens["refresh_token"], resource=OTHER)) == (400, "invalid_target")
        assert walker.refresh(tokens["refresh_token"], resource=None).status_code == 200
