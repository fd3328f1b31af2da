"""Choice of the importer: for a file by its first bytes, for a folder by its content."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmark.data.importers.csd import read_csd
from benchmark.data.importers.feature_pickles import part_files, read_feature_pickles
from benchmark.data.importers.meaning import settle_labels
from benchmark.data.importers.npz import read_npz
from benchmark.data.importers.options import ImportOptions
from benchmark.data.importers.pickles import TENSORS
from benchmark.data.importers.text_csv import read_csv
from benchmark.data.importers.token_check import check_text
from benchmark.data.importers.videos import NO_VIDEOS, RECOGNISED, UNKNOWN
from benchmark.data.samples import Samples
from benchmark.files import regular_file, sha256_of
from benchmark.words import one_line
from protocols import InputError

_KINDS = (
    "a feature pickle (MMSA, MISA, MulT), a folder of train.pkl, dev.pkl and test.pkl, an npz archive, a folder of "
    "CMU-SDK .csd files, or a CSV of text and labels"
)
#: First bytes of a file of `torch.save` before it became a zip archive.
_OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
#: Options of each layout.
_OPTIONS = {
    "pickle": ("vocabulary", "map_labels"),
    "npz": ("split", "vocabulary", "map_labels"),
    "csd": ("split", "use", "label_column", "more", "map_labels"),
    "csv": ("split", "text_column", "label_column", "map_labels"),
}


def import_file(
    path: Path,
    name: str,
    label_range: tuple[float, float] | None = None,
    options: ImportOptions | None = None,
    *,
    labelled: bool = True,
) -> Samples:
    """Read a source of a known layout.

    Args:
        path: A feature pickle (MMSA, MISA, MulT) or a folder of one for each part, an npz archive of the documented
            layout, a folder of CMU-SDK `.csd` files (or one of several, see `ImportOptions.more`), or a CSV of text and
            labels.
        name: Name of the data set; does not affect how it is read.
        label_range: Lowest and highest label; `meaning.settle_labels` states the rule without it.
        options: Choices that the source leaves open.
        labelled: False for new samples, to be predicted: an npz archive or a CSV then needs no labels and no split
            (existing ones are not read), and an archive may have no modality.

    Raises:
        InputError: If the source is missing, of unknown layout or damaged, or its content breaks a rule.
    """
    options = options or ImportOptions()
    try:
        layout = layout_of(path)
        for option in options.given():
            if option not in _OPTIONS[layout]:
                known = ", ".join(_OPTIONS[layout]) or "none"
                raise InputError(
                    f"{path}: option {option} is not for this layout ({layout}), which has: {known}; leave it out"
                )
        return settled(
            str(path), _read(path, layout, name, options, labelled), label_range, options.map_labels, labelled=labelled
        )
    except InputError as error:  # names and ids come from the source and may contain any character
        raise InputError(one_line(str(error))) from error
    except OSError as error:
        raise InputError(one_line(f"{path}: cannot be read ({error.strerror or error})")) from error


def settled(
    where: str,
    samples: Samples,
    label_range: tuple[float, float] | None = None,
    map_labels: tuple[float, float] | None = None,
    *,
    labelled: bool = True,
) -> Samples:
    """Return the samples of any source checked, with label range, origin of the videos, and notes on all this.

    Args:
        where: Name of the source, for errors.
        samples: Samples as read.
        label_range: See `import_file`.
        map_labels: Map the label range linearly to this one.
        labelled: False for new samples.

    Raises:
        InputError: If the content breaks a rule.
    """
    if labelled:
        samples = settle_labels(where, samples, label_range, map_labels)
    samples.validate(labelled=labelled)
    notes = check_text(where, samples, labelled=labelled)
    if labelled:
        samples = _with_videos(samples)
    source = samples.provenance
    return replace(samples, provenance=replace(source, notes=(*source.notes, *notes))) if notes else samples


def _read(path: Path, layout: str, name: str, options: ImportOptions, labelled: bool) -> Samples:
    if layout == "csd":
        files = _sequences(path) if path.is_dir() else [path]
        distinct = {file.resolve(): file for file in (*files, *options.more)}.values()
        return read_csd({file: file_sha256(file) for file in distinct}, name, options, path)
    if layout == "csv":
        return read_csv(path, name, file_sha256(path), options, labelled)
    if layout == "npz":
        return read_npz(path, name, file_sha256(path), options.vocabulary, labelled, options.split)
    return read_feature_pickles(path, name, options.vocabulary, file_sha256)


def _with_videos(samples: Samples) -> Samples:
    """Recognise videos in the ids if the source does not give them, and note their origin."""
    if samples.provenance.videos:
        return samples
    known, note = UNKNOWN, NO_VIDEOS
    for sample, video in zip(samples.ids.tolist(), samples.video_ids.tolist(), strict=True):
        if video != sample:
            count = len(set(samples.video_ids.tolist()))
            known, note = RECOGNISED, f"{count} videos, recognised in the ids: {sample!r:.60} is of {video!r:.60}"
            break
    notes = (*samples.provenance.notes, note)
    return replace(samples, provenance=replace(samples.provenance, videos=known, notes=notes))


def layout_of(path: Path) -> str:
    """Return `pickle`, `npz`, `csd` or `csv`; raises InputError with the kind of any other source."""
    if path.is_dir():
        if _sequences(path):
            return "csd"
        if part_files(path):
            return "pickle"
        raise InputError(f"{path}: is a folder without .csd files and without train.pkl; expected {_KINDS}")
    try:
        with regular_file(path).open("rb") as file:
            head = file.read(512)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if not head:
        raise InputError(f"{path}: is empty; download it again")
    if head.startswith(_OLD_TORCH) or (head.startswith(b"PK") and b"/data.pkl" in head):
        raise InputError(f"{path}: is a file of torch.save, which is not read; load it with torch, {TENSORS}")
    if head.startswith(b"PK"):
        return "npz"
    if head[:1] == b"\x80":
        return "pickle"
    if head.startswith(b"\x89HDF"):
        return "csd"
    if head.lstrip()[:1] == b"<":
        raise InputError(f"{path}: is a web page, not a feature file; the download failed, download it again")
    if head.startswith(b"version https://git-lfs"):
        raise InputError(f"{path}: is a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "csv"  # whose reader reports UTF-16
    kind = "of unknown layout"
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!")):
        kind = "compressed (unpack it first)"
    elif not head.strip(b"\0"):
        kind = "all zeros (download it again)"
    elif path.suffix.lower() in (".csv", ".tsv") or all(byte >= 32 or byte in b"\t\r\n" for byte in head):
        return "csv"
    raise InputError(f"{path}: is {kind}; expected {_KINDS}")


def _sequences(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() == ".csd" and file.is_file())


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file; raises InputError if it cannot be read."""
    try:
        return sha256_of(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
