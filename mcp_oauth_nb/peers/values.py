"""The words that the rows are written with: what a client may do at each point, and the sentence that says it."""

from __future__ import annotations

from collections.abc import Mapping

VALUES: Mapping[str, Mapping[str, str]] = {
    "challenge": {
        "any scheme": "looks for the parameters by name, whatever the scheme is",
        "bearer first": "reads the parameters only where the header begins with Bearer",
        "grammar": "reads the Bearer challenge by its grammar",
        "ignored": "reads nothing of it",
    },
    "redirects": {
        "own origin": "follows redirects of a metadata request within its origin, five at most",
        "any": "follows redirects of a metadata request wherever they lead",
        "none": "follows no redirect of a metadata request",
    },
    "no answer": {
        "stops": "stops where a metadata request gets no answer",
        "bare again": "asks once more without headers, then goes on as if nothing was there",
        "next": "goes on with the next location",
    },
    "resource metadata at": {
        "all": "the URL of the challenge, then path, then root",
        "challenge or well-known": "the URL of the challenge alone; without one path, then root",
        "none": "asks for none",
    },
    "path of the location": {
        "as typed": "the path as typed, without the query",
        "no last slash": "the path without a slash at its end, with the query",
        "RFC 9728": "path and query as typed",
    },
    "resource metadata, next": {
        "anything": "goes on to the next location after anything but a document",
        "below 500": "goes from path to root after a status below 500",
        "below 500 or 502": "goes from path to root after a status below 500, or 502",
        "4xx or 502": "goes from path to root after 4xx or 502",
    },
    "no resource metadata": {
        "origin": "takes the origin of the MCP server for the authorization server",
        "origin unless 5xx": "takes the origin of the MCP server for the authorization server, "
        "but stops where a location gave 5xx or 429",
        "stops": "stops",
    },
    "resource": {
        "covers": "the resource must be the URL or a parent path of it; a slash at the end makes no difference",
        "covers, not longer": "the resource must be the URL or a parent path of it, without a slash more",
        "same or parent": "the resource must be the URL; another spelling and a parent path are let pass",
        "none": "there is no resource to check",
    },
    "resource, when": {
        "at once": "checked as soon as the document is read",
        "after the server metadata": "checked after the authorization server metadata was asked for",
    },
    "server metadata at": {
        "RFC 8414 and OIDC": "RFC 8414, then OpenID Connect Discovery",
        "RFC 8414": "RFC 8414 alone",
    },
    "server metadata of the origin at": {
        "RFC 8414": "RFC 8414 alone",
        "RFC 8414 and OIDC": "RFC 8414, then OpenID Connect Discovery",
        "not asked": "is not asked for",
    },
    "server metadata, next": {
        "below 500 or no document": "goes on after a status below 500 and after what is no document; "
        "after 5xx it looks no further",
        "below 500": "goes on after a status below 500; stops at 5xx and at what is no document",
        "below 500 or 502": "goes on after a status below 500 or 502; stops at other 5xx and at what is no document",
        "4xx or 502": "goes on after 4xx or 502; stops at anything else that is no document",
        "anything": "goes on after anything but a document",
    },
    "OpenID document": {
        "like any": "a document at a location of OpenID Connect Discovery is read like any other",
        "as OpenID provider": "a document at a location of OpenID Connect Discovery must have the members of an OpenID "
        "provider",
        "either, asked beforehand": "after 4xx or 502 for RFC 8414 it asks the locations of OpenID Connect "
        "Discovery by itself; a document there may be one for OAuth alone",
    },
    "no server metadata": {
        "paths of the MCP server": "takes /authorize, /token and /register of the MCP server's origin",
        "paths of the server": "takes /authorize, /token and /register of the authorization server's origin",
        "paths after 404": "takes /authorize, /token and /register of the origin after 404",
        "stops": "stops",
    },
    "issuer": {
        "equal": "the issuer must be equal to the one that was asked for",
        "equal or no last slash": "the issuer must be equal to the one that was asked for, or lack its last slash",
        "equal, else next": "the issuer must be equal to the one that was asked for; else the next location",
        "not checked": "the issuer is not checked",
    },
    "documents": {
        "pydantic": "members of the wrong type make a document no document; null stands for absent",
        "zod": "members of the wrong type make a document no document, null as well",
        "objects": "any JSON object is a document",
    },
    "S256": {
        "must be listed": "stops unless code_challenge_methods_supported lists S256",
        "if there is a list": "stops where code_challenge_methods_supported is there and lacks S256",
        "not checked": "goes on whether S256 is advertised or not",
    },
    "S256, when": {
        "at once": "checked as soon as the metadata is read",
        "after registering": "checked after the registration",
        "never": "never checked",
    },
    "response types": {
        "code": "stops unless response_types_supported lists code",
        "not checked": "does not look at response_types_supported",
    },
    "registration": {
        "document or dynamic": "a client ID metadata document where it has one and the server takes them; "
        "else it registers dynamically",
        "dynamic": "registers dynamically",
    },
    "no registration_endpoint": {
        "/register of the MCP server": "registers at /register of the MCP server's origin",
        "stops": "stops",
    },
    "scope": {
        "challenge, resource, server": "the challenge's, else all of the resource metadata, "
        "else all of the authorization server metadata",
        "challenge, resource": "the challenge's, else all of the resource metadata",
        "resource": "all of the resource metadata; what the challenge asks for is left aside",
        "mcp-remote": "the challenge's, else all of the resource metadata, else all of the authorization server "
        "metadata, else openid email profile",
    },
    "offline_access": {
        "added": "offline_access is added where the authorization server lists it",
        "not added": "offline_access is not added",
        "may be added": "offline_access may be added where the authorization server lists it",
        "if registered": "offline_access is added where the server lists it and the application declares refresh_token",
    },
    "resource parameter": {
        "metadata, else by version": "the published resource; without metadata the URL, once a version from "
        "2025-06-18 on is agreed",
        "metadata": "the published resource as written; none without metadata",
        "metadata as URL": "the published resource as a URL library writes it, a bare origin with a slash; "
        "none without metadata",
        "always": "the published resource, else the URL",
        "none": "none",
    },
    "iss": {
        "checked": "must be the issuer; must be there where the metadata announces it",
        "not checked": "is not looked at",
    },
    "token endpoint": {
        "https or this machine": "must be https, or on this machine",
        "any": "any URL",
    },
    "token type": {
        "bearer": "takes Bearer alone, in any case",
        "any": "takes any token_type",
    },
    "authentication": {
        "as registered": "the method that the registration answered; the client id stands in the form as well",
        "as registered if listed": "the method that the registration answered, where the metadata lists it; "
        "else basic, post, none",
        "as registered, list first": "registers with a method that the metadata lists; then the method that the "
        "registration answered",
        "as the metadata lists": "a method that the metadata lists",
    },
    "403 insufficient_scope": {
        "union, same metadata": "authorizes again for the scopes so far and the challenged ones, with the metadata it "
        "has",
        "challenged": "authorizes again for the challenged scope; stops where the same challenge comes twice",
        "union": "authorizes again for the scopes so far and the challenged ones",
        "asks first": "asks the user, then authorizes again for the scopes so far and the challenged ones",
        "challenged scopes": "authorizes again for the challenged scopes",
        "not described": "is not described",
    },
    "refresh": {
        "before the request": "refreshes before a request once the token has expired; authorizes anew where that fails",
        "after 401": "refreshes after 401 where it has a refresh token; authorizes anew after a server error",
        "after 401, with scope": "refreshes after 401 and repeats the granted scope",
        "described": "refreshes; the rotation of refresh tokens is required for public clients",
        "optional": "may refresh",
    },
}  # fmt: skip
"""Every behaviour with its values, and the sentence for each."""
