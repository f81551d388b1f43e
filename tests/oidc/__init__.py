"""A whole flow through an authorization server that nobody here wrote: the npm package oidc-provider."""
