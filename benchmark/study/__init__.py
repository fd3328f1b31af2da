"""A study: its file, its plan, running it, finding it again."""
