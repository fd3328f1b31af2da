"""Training of a model, and predictions of a trained one."""

#: Seconds between two states of a training, if not chosen otherwise.
CHECKPOINT_SECONDS = 60.0
