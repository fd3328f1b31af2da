"""Figures of a panel of predictions, each with the table it was drawn from. Sees tables only."""
