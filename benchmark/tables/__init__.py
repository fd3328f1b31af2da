"""Tables of results, from panels of predictions.

Sees arrays and tables only: no torch, no models, no runs on disk. Imported by the command line and by scripts.

`table` is the one table object, `leaderboard` fills it, `curves` draws, `style` fixes colours and markers.
"""
