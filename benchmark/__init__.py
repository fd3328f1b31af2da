"""Everything that runs: data, training, evaluation, metrics, statistics, runs, studies, reports, the command line.

May import `protocols`, `baselines` and `senti_ifusion`; nothing of ours imports it.
"""
