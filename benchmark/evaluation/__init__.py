"""From predictions to numbers: scales, metrics, panels, statistics. Sees arrays and tables only."""
