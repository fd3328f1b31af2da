"""Studies: file, plan, running, and finding stored ones."""
