"""Runs: identity, execution, files, and the workers that execute many of them."""
