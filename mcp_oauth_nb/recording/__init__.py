"""Records what somebody else's client does, so that it lands in the same steps, rules and evidence as a flow of ours.

`record` hooks a client, `collecting` keeps what is told of it, `redirects` knows the leg that goes through the browser,
`clients` makes clients for those who ask for a factory. What goes over the wire is noted in ``wire/``: `tap` listens,
`passing` hands bodies on, `overheard` is what is known of one request.
"""
