"""Senti-iFusion: integrity estimation, cross-modal completion and adaptive fusion, one file a part.

`model` joins the parts.

May import `protocols` and `baselines`; is imported by `benchmark` through the registry only.
"""
