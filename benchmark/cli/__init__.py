"""The command line: parses arguments and prints. Importing it loads neither torch nor transformers."""
