"""Turns what was seen into files and commands that travel. Secrets never travel with them."""
