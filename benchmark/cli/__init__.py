"""The command line: a thin shell over `benchmark.commands`. Importing it pulls in neither torch nor transformers."""
