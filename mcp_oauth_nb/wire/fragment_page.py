"""The page that reads an authorization response out of the fragment, which no browser sends to a server (RFC 6749 4.2).

Its script takes the fragment out of the address bar and the history, and posts it to the listener it came from. The
page never changes and echoes nothing; what it may run and whom it may reach is fixed by a policy of its own.
"""

from __future__ import annotations

import base64
import hashlib

MOST_BYTES = 65_536
"""A longer fragment is none of ours."""
_SCRIPT = (
    'var f=location.hash.slice(1);history.replaceState(null,"",location.pathname);'
    'function say(id){document.getElementById("wait").hidden=true;document.getElementById(id).hidden=false}'
    'if(!f){say("none")}else{fetch(location.pathname,{method:"POST",credentials:"omit",cache:"no-store",'
    'headers:{"Content-Type":"application/x-www-form-urlencoded"},body:f})'
    '.then(function(r){say(r.ok?"done":"none")},function(){say("none")})}'
)
_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; script-src 'sha256-{_HASH}'; connect-src 'self'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Back to the notebook</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem;color:#1f2328;
background:#fff}}h1{{font-size:1.3rem}}</style></head><body>
<div id="wait"><h1>One moment.</h1><p>The authorization response is being handed to the notebook. Without JavaScript,
copy the address of this page and paste it there.</p></div>
<div id="done" hidden><h1>The redirect has arrived.</h1>
<p>The notebook has received the authorization response. You can close this tab and go on there.</p></div>
<div id="none" hidden><h1>Nothing arrived.</h1>
<p>The address held no authorization response that the notebook takes. Go on there: open the link once more.</p></div>
<script>{_SCRIPT}</script></body></html>""".encode()
