"""Training one model, and asking a trained one."""
