"""Searching a model's hyper-parameters on validation data. Nothing here reads a test part.

`space` what may vary; `suggest` the next settings (the only file that needs Optuna); `training` one training of one
trial; `journal` what is kept on disk; `search` puts them together; `files` writes what people and studies read.
"""
