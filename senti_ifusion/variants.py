"""Ablation variants: each part left out under a registered name. One study runs them all."""

from __future__ import annotations

from baselines import register_variant
from senti_ifusion import wide  # noqa: F401 - registers it
from senti_ifusion.ablation import VARIANTS
from senti_ifusion.light import model as light  # noqa: F401 - registers it
from senti_ifusion.model import SentiIFusion

for _name, (_title, _changes) in VARIANTS.items():
    register_variant(
        f"senti-ifusion-{_name}",
        SentiIFusion,
        _changes,
        title=f"Senti-iFusion {_title}",
        mask_informed="true_integrity" in _changes,
    )
