"""Data, training, evaluation, statistics, runs, studies, tables, figures and the command line.

May import `protocols`, `baselines` and `senti_ifusion`; of this project, only `sentibench` imports it.
"""
