"""Layers that several models share, each once: encoders of sequences, Transformers, pooling, gradient reversal."""
