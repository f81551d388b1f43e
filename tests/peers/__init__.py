"""Predictions about other clients, held against the clients themselves."""
