"""Senti-iFusion: integrity estimation, cross-modal completion, dual-depth validation and led fusion, one file a part.

`framework` joins the parts and trains them in two stages; `model` is version 12, `wide` its larger sizes, and `light`
version 11.

May import `protocols` and `baselines`; is imported by `benchmark` through the registry only.
"""
