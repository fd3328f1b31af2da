"""Rows of the ablation: each part of Senti-iFusion left out by config alone. Imports no torch.

>>> from senti_ifusion.ablation import ABLATION
>>> list(ABLATION)[:2]
['senti-ifusion', 'senti-ifusion-without-integrity']
"""

from __future__ import annotations

from collections.abc import Mapping

#: End of the name of each variant -> difference from the whole model, and config fields with their values.
VARIANTS: dict[str, tuple[str, Mapping[str, object]]] = {
    "without-integrity": ("without integrity estimation: all counts as present", {"use_integrity": False}),
    "without-completion": ("without completion: gaps are left to the prior", {"use_completion": False}),
    "without-fusion": ("without adaptive fusion: all modalities enter unweighted", {"adaptive_fusion": False}),
    "text-dominant": ("language always dominant", {"dominant": "text"}),
    "without-feature-validation": ("without the feature-level loss", {"feature_validation": False}),
    "without-semantic-validation": ("without the semantic-level loss", {"semantic_validation": False}),
    "without-disentanglement": ("without disentanglement", {"disentanglement": False}),
    "single-stage": ("trained in a single stage", {"progressive": False}),
    "true-integrity": ("told the true integrity", {"true_integrity": True}),
}

#: Rows of the ablation table: name and difference from the whole model.
ABLATION: dict[str, str] = {
    "senti-ifusion": "the whole model",
    **{f"senti-ifusion-{name}": title for name, (title, _) in VARIANTS.items()},
}
