"""Rules over what the probes gave; each is not tested until its probe ran and its answer decides something."""
