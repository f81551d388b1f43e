"""The protocol's own words: what a flow knows, what a step can want, how URLs and challenges are read. No I/O."""
