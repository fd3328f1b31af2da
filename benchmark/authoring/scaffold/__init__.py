"""File of a new model: the template, and the code that fills it in. Imported by the command line only."""

from benchmark.authoring.scaffold.writing import model_name, new_model, render_model

__all__ = ["model_name", "new_model", "render_model"]
