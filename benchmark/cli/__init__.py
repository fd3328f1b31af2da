"""The command line: a thin shell over `benchmark.study.running`. Importing it loads neither torch nor transformers."""
