"""One run: its identity, its execution, its files, the workers that execute many of them."""
