"""Published numbers, and tables of papers beside the numbers measured here."""
