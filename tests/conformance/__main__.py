"""Run legs by hand and see what the suite says: python -m tests.conformance ['basic-cimd@*' ...]."""

from __future__ import annotations

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

from tests.conformance.suite import Suite

suite = Suite(Path(tempfile.mkdtemp(prefix="conformance-")))
wanted = sys.argv[1:] or ["*"]
legs = [leg for leg in suite.legs() if any(fnmatch(str(leg), one) for one in wanted)]
began, passed = time.monotonic(), 0
with ThreadPoolExecutor(3) as pool:
    for leg, outcome in zip(legs, pool.map(suite.run, legs), strict=True):
        passed += outcome.passed
        sys.stdout.write(f"{leg}: {outcome}\n")
sys.stdout.write(f"{passed} of {len(legs)} legs passed in {time.monotonic() - began:.0f} s; all of it is in ")
sys.stdout.write(f"{suite.results}\n")
