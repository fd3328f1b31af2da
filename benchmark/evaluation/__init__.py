"""Scales, metrics, panels and statistics: predictions in, numbers out. Reads arrays and data frames only."""
