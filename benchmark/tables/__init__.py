"""Tables of results, from panels of predictions.

Reads arrays and data frames only: no torch, no models, no runs on disk. `table` defines the one class of tables,
`rendering` prints it, `kinds` lists the kinds, and each kind is made in a file of its own, such as `leaderboard`.
"""
