"""Scales, metrics, panels and statistics: predictions in, numbers out. Sees arrays and tables only."""
