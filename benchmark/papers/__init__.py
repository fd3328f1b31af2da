"""Published numbers, and the tables of papers set beside what is measured here."""
