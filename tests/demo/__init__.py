"""Tests of the demo server: a real one, asked over HTTP."""
