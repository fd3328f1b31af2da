"""A model, a mechanism and a protocol for sentibench."""
