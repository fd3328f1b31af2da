"""Tools for authors of models: a conformance kit, and a file to start from."""
