"""A process that recalls a kept token, says so, and refreshes it when it is told to; `InFile` is its keyring.

``python -m tests.keeping.refreshing FILE NAME``
"""

import hashlib
import json
import os
import sys
from pathlib import Path

import keyring
import keyring.backend

from mcp_oauth_nb.keeping.tokens import TokenList


class InFile(keyring.backend.KeyringBackend):
    """Entries in a file, which any number of processes read and replace."""

    priority = 1

    def __init__(self, path):
        super().__init__()
        self.path = Path(path)

    def entries(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def write(self, entries):
        made = self.path.with_suffix(f".{os.getpid()}")
        made.write_text(json.dumps(entries))
        made.replace(self.path)

    def get_password(self, service, username):
        return self.entries().get(f"{service}/{username}")

    def set_password(self, service, username, password):
        self.write({**self.entries(), f"{service}/{username}": password})

    def delete_password(self, service, username):
        self.write({name: text for name, text in self.entries().items() if name != f"{service}/{username}"})


def digest(secret):
    return hashlib.sha256(secret.encode()).hexdigest()


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    keyring.set_keyring(InFile(sys.argv[1]))
    token = TokenList().recall(sys.argv[2])[sys.argv[2]]
    say("ready")
    sys.stdin.readline()
    token.refresh()
    say(digest(token.tokens.refresh_token))
