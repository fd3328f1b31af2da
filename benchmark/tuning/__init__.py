"""Search of a model's hyper-parameters on validation data. Nothing here reads a test part.

`space` defines the fields that vary; `suggest` the next settings (the only file that needs Optuna); `training` runs one
training of a trial; `journal` keeps results on disk; `search` combines them; `files` writes the files for users.
"""
