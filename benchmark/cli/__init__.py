"""The command line: a thin shell over `benchmark.study.running`. Importing it pulls in neither torch nor transformers."""
