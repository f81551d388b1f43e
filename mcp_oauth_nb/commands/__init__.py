"""The command line: one file per command, and what they share (`options`, `terminal`, `files`, `told`, `usage`)."""
