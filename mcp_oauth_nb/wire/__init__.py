"""The only place with I/O: sends requests, listens for the redirect, and drives one step at a time."""
