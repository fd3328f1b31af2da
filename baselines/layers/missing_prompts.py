"""The prompts of MPLMM (Guo, Jin and Zhao, ACL 2024, arXiv 2407.05374)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.interface import MODALITIES, Batch, InputSpec, Modality, Sequences
from baselines.layers.alignment import resample
from baselines.layers.transformer import learned_tokens

_THERE, _MISSING = 0, 1


def drop_modalities(samples: int, rate: float, device: torch.device) -> Tensor:
    """Draw modalities to drop from training samples, `(B, 3)` bool.

    The share `rate` of a batch, exact on average, gets one of the six patterns that drop one or two modalities; the
    numbers of samples with each pattern differ by one at most.
    """
    patterns = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], dtype=torch.bool)
    count = int(rate * samples + float(torch.rand(())))
    chosen = torch.randperm(samples)[:count]
    dropped = torch.zeros(samples, len(MODALITIES), dtype=torch.bool)
    dropped[chosen] = patterns[torch.randperm(len(patterns))][torch.arange(len(chosen)) % len(patterns)]
    return dropped.to(device)


def silenced(batch: Batch, dropped: Tensor) -> Batch:
    """Set the modalities of a batch to zero where `dropped` `(B, 3)` is True."""
    return Batch(
        *(
            Sequences(batch[m].values.masked_fill(gone[:, None, None], 0.0), batch[m].length)
            for m, gone in zip(MODALITIES, dropped.unbind(dim=1), strict=True)
        )
    )


def others(modality: Modality) -> tuple[Modality, Modality]:
    """Return the two other modalities, in the order of MODALITIES."""
    first, second = (m for m in MODALITIES if m != modality)
    return first, second


def stretch(values: Tensor, like: Sequences) -> Tensor:
    """Map `(B, S, d)` to `(B, T, d)`: steps are repeated or skipped to span each sample; zeros on padding."""
    steps, length = values.shape[1], like.length[:, None]
    index = torch.arange(like.values.shape[1], device=values.device)[None, :] * steps // length
    index = index.clamp(max=steps - 1)[..., None].expand(-1, -1, values.shape[2])
    return values.gather(1, index).masked_fill(like.padding.unsqueeze(-1), 0.0)


class MissingModalityGenerator(nn.Module):
    """Generator of a modality from a learned prompt and the other modalities.

    Each source is resampled to S steps and mapped to the width d by a linear layer and GELU; prompt and sources,
    concatenated in time, are mixed to S steps by a linear layer over time and GELU. There are separate mixers for both
    sources and for each single one.

    Args:
        spec: Widths of the modalities.
        width: Width d.
        prompt_length: Length P of the prompt.
        steps: Number of steps S.
    """

    def __init__(self, spec: InputSpec, width: int, prompt_length: int, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.prompts = nn.ParameterDict({m: learned_tokens(prompt_length, width) for m in MODALITIES})
        self.translate = nn.ModuleDict(
            {f"{s}_to_{m}": nn.Linear(spec.width(s), width) for m in MODALITIES for s in others(m)}
        )
        self.mix = nn.ModuleDict()
        for m in MODALITIES:
            for source in others(m):
                self.mix[f"{m}_from_{source}"] = nn.Linear(prompt_length + steps, steps)
            self.mix[f"{m}_from_both"] = nn.Linear(prompt_length + 2 * steps, steps)

    def forward(self, batch: Batch, missing: Tensor) -> dict[str, Tensor]:
        """Generate each modality, `(B, T, d)` at its own length, from the others not marked in `missing` `(B, 3)`.

        If both others are missing, both are read.
        """
        full = torch.full_like(batch.text.length, self.steps)
        sources = {m: resample(batch[m], full, self.steps).values for m in MODALITIES}
        gone = dict(zip(MODALITIES, missing.unbind(dim=1), strict=True))
        return {m: stretch(self._generate(m, sources, gone), batch[m]) for m in MODALITIES}

    def _generate(self, modality: Modality, sources: dict[Modality, Tensor], gone: dict[Modality, Tensor]) -> Tensor:
        first, second = others(modality)
        said = {s: F.gelu(self.translate[f"{s}_to_{modality}"](sources[s])) for s in (first, second)}
        prompt = self.prompts[modality].expand(len(sources[first]), -1, -1)

        def mixed(name: str, *parts: Tensor) -> Tensor:
            behind = torch.cat([prompt, *parts], dim=1).transpose(1, 2)
            return F.gelu(self.mix[f"{modality}_from_{name}"](behind)).transpose(1, 2)

        only_first = (gone[second] & ~gone[first])[:, None, None]
        only_second = (gone[first] & ~gone[second])[:, None, None]
        generated = mixed("both", said[first], said[second])
        generated = torch.where(only_first, mixed(first, said[first]), generated)
        return torch.where(only_second, mixed(second, said[second]), generated)


class SignalPrompts(nn.Module):
    """Learned prompts, added to the steps of a modality, that mark it as present or missing.

    Attributes:
        prompts: `(3, 2, S, d)`: by modality, for present and for missing.
    """

    def __init__(self, width: int, steps: int) -> None:
        super().__init__()
        self.prompts = nn.Parameter(torch.randn(len(MODALITIES), 2, steps, width) * 0.02)

    def forward(self, modality: int, missing: Tensor, like: Sequences) -> Tensor:
        """Return the prompts `(B, T, d)` of one modality; `missing` is `(B,)` bool."""
        there, gone = self.prompts[modality]
        return stretch(torch.where(missing[:, None, None], gone, there), like)


class MissingTypePrompts(nn.Module):
    """Prompt steps that encode which modalities are missing.

    Args:
        width: Width d.
        prompt_length: Length P of the prompts.
        steps: Number of steps S of the signal prompts.
    """

    def __init__(self, width: int, prompt_length: int, steps: int) -> None:
        super().__init__()
        self.prompts = nn.Parameter(torch.randn(len(MODALITIES), prompt_length, width) * 0.02)
        self.maps = nn.Parameter(torch.randn(len(MODALITIES), steps, 2 * width) * 0.02)

    def forward(self, signal: Tensor, missing: Tensor) -> Tensor:
        """Return `(B, 3, P, 2 d)` from the signal prompts `(3, 2, S, d)` and `missing` `(B, 3)` bool."""
        projections = torch.einsum("mtsd,mse->mtde", signal, self.maps)
        by_modality = [
            torch.where(missing[:, number, None, None], projection[_MISSING], projection[_THERE])
            for number, projection in enumerate(projections)
        ]
        return torch.einsum("mpd,bde->bmpe", self.prompts, torch.stack(by_modality).sum(dim=0))

    @staticmethod
    def append(values: Tensor, length: Tensor, prompts: Tensor) -> Sequences:
        """Append prompts `(B, P, 2 d)` after each sample's last step of `(B, T, 2 d)`: `(B, T + P, 2 d)`."""
        count = prompts.shape[1]
        index = (length[:, None] + torch.arange(count, device=length.device))[..., None].expand_as(prompts)
        room = F.pad(values, (0, 0, 0, count))
        return Sequences(room.scatter(1, index, prompts), length + count)
