"""Everything that runs: data, training, evaluation, metrics, statistics, run store, studies, executors, reports, command line.

May import `protocols`, `baselines` and `senti_ifusion`; nothing of ours imports it.
"""
