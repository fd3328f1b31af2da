"""Figures of a panel of predictions, each with the table that it is drawn from. Reads arrays and data frames only."""
