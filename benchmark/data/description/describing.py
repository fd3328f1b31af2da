"""`describe`: reads the values of a data set once and returns all tables."""

from __future__ import annotations

from benchmark.data.description.caution import cautions
from benchmark.data.description.counts import (
    count_classes,
    count_lengths,
    count_modalities,
    count_parts,
    count_words,
    label_histogram,
    unimodal_correlations,
)
from benchmark.data.description.duplicates import near_ids, shared_content
from benchmark.data.description.probe import probe_modalities
from benchmark.data.description.scan import scan_stream
from benchmark.data.description.suspicion import suspicions
from benchmark.data.description.tables import Description, Probe
from benchmark.data.importers.meaning import OFFICIAL, little_filled
from benchmark.data.samples import Samples
from benchmark.evaluation.scales import scale_of, without_classes
from protocols import MODALITIES, unknown_name


def describe(samples: Samples, split: str | None = None, *, probe: bool = True) -> Description:
    """Describe a data set under one of its splits.

    Values are read in one pass, block by block; they may be a memory map.

    Args:
        samples: The data set.
        split: Named split; by default the first.
        probe: True: predict labels from each modality separately (`probes`, and the warnings that follow from them).

    Raises:
        InputError: for an unknown split.
    """
    chosen = next(iter(samples.splits)) if split is None else split
    if chosen not in samples.splits:
        raise unknown_name(f"split of {samples.name}", chosen, samples.splits)
    codes, provenance = samples.splits[chosen], samples.provenance
    scale, known = scale_of(provenance.label_range), OFFICIAL.get(provenance.source_sha256)
    scans = {m: scan_stream(samples.streams[m]) for m in MODALITIES}
    parts = count_parts(samples)
    lengths, length_histograms = count_lengths(codes, scans)
    modalities = count_modalities(samples, codes, scans)
    shared, near = shared_content(samples, codes, scans), near_ids(samples)
    warnings = cautions(chosen, parts, lengths, modalities, shared, near)
    warnings += without_classes(provenance.label_range)
    if doubt := little_filled(samples.label, provenance.label_range):
        warnings.append(doubt)
    probes: tuple[Probe, ...] = ()
    if probe:
        answers = probe_modalities(samples, chosen, scans)
        probes = tuple(answer.probe for answer in answers)
        warnings += suspicions(samples, answers, scale)
    return Description(
        name=samples.name,
        split=chosen,
        samples=len(samples),
        source=provenance.source,
        sha256=provenance.source_sha256,
        official=known.title if known else "",
        label_range=provenance.label_range,
        parts=parts,
        classes=count_classes(samples, codes, scale),
        labels=label_histogram(samples, codes),
        lengths=lengths,
        length_histograms=length_histograms,
        modalities=modalities,
        unimodal=unimodal_correlations(samples),
        vocabulary="" if samples.streams["text"].token_ids is None else samples.streams["text"].vocabulary,
        vocabularies=count_words(samples, codes),
        shared=shared,
        near_ids=near,
        probes=probes,
        notes=provenance.notes,
        warnings=tuple(warnings),
    )
