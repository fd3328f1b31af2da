"""Roles of the files of a CMU-SDK data set: labels, words, word vectors, audio or vision."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from benchmark.data.importers.csd_files import CsdFile
from protocols import InputError, unknown_name

#: Roles; `ignore` marks files that are not read.
ROLES = ("labels", "words", "vectors", "audio", "vision", "ignore")

# Names of published sequences, at their root or in their file name; COAVAREP is the spelling in MOSI's.
_NAMES = {
    "labels": r"label|opinion|sentiment",
    "words": r"timestampedwords|^words?$|_words\b|transcript",
    "vectors": r"glove|word_?vec|wordvectors|bert|elmo|fasttext|word_?emb",
    "audio": r"covarep|coavarep|opensmile|open_smile|gemaps|emobase|mfcc|wav2vec|hubert|acoustic|audio|prosod",
    "vision": r"facet|openface|open_face|visual|vision|facial|resnet|densenet|deepface|facenet",
    "ignore": r"phon(e|eme)s?\b|timestampedphon",
}


def assign_roles(where: str, files: Sequence[CsdFile], use: Mapping[str, str]) -> dict[str, CsdFile]:
    """Assign a file to each role.

    A role is recognised by the name at the root of a sequence, else by its file name, else, for text, by its content.
    `use` has precedence: it maps a role to a file name or a root name; the value `none` leaves the role empty.

    Raises:
        InputError: If the role of a file is not recognised, a role has several files, or there are no labels.
    """
    for role in use:
        if role not in ROLES:
            raise unknown_name(f"role for {where}", role, ROLES)
    chosen = {role: _named(where, role, name, files) for role, name in use.items() if name.lower() != "none"}
    closed = {role for role, name in use.items() if name.lower() == "none"}
    taken = {file.path for file in chosen.values()}
    by_role: dict[str, list[CsdFile]] = {}
    for file in files:
        if file.path not in taken:
            by_role.setdefault(_role(file), []).append(file)
    for role, candidates in by_role.items():
        if role in ("ignore", *use, *closed):
            continue
        if role == "":
            raise InputError(
                f"{where}: {_listed(candidates)}: neither name nor content tells its role; state it with "
                f"--use audio='{candidates[0].path.name}' (or {', '.join(r for r in ROLES if r != 'audio')})"
            )
        if len(candidates) > 1:
            raise InputError(
                f"{where}: several files for {role}: {_listed(candidates)}; choose one with "
                f"--use {role}='{candidates[0].path.name}'"
            )
        chosen[role] = candidates[0]
    chosen.pop("ignore", None)
    if "labels" not in chosen:
        raise InputError(
            f"{where}: no labels among {_listed(files)}; add the file of the labels, or name it with --use labels=FILE"
        )
    _check_kinds(chosen)
    return chosen


def _role(file: CsdFile) -> str:
    for name in (file.root, file.path.stem):
        plain = re.sub(r"[\s\-.]+", "_", name.lower())
        roles = [role for role, pattern in _NAMES.items() if re.search(pattern, plain)]
        if "vectors" in roles and "words" in roles:
            roles.remove("words")  # TimestampedWordVectors
        if len(roles) == 1:
            return roles[0]
    return "words" if next(iter(file.entries.values())).kind == "text" else ""


def _named(where: str, role: str, name: str, files: Sequence[CsdFile]) -> CsdFile:
    matching = [file for file in files if name in (file.path.name, file.path.stem, file.root, str(file.path))]
    if len(matching) != 1:
        raise InputError(
            f"{where}: --use {role}={name!r:.80}: {'several files' if matching else 'no file'} of that name; there are "
            f"{_listed(files)}"
        )
    return matching[0]


def _listed(files: Sequence[CsdFile]) -> str:
    return ", ".join(f"{file.path.name} ({file.root})" for file in files)


def _check_kinds(chosen: Mapping[str, CsdFile]) -> None:
    for role, file in chosen.items():
        wanted = "text" if role == "words" else "numbers"
        widths: dict[int, str] = {}
        for key, entry in file.entries.items():
            if entry.kind != wanted:
                raise InputError(f"{file.path}: entry {key!r:.80} holds {entry.kind}, expected {wanted} for {role}")
            widths.setdefault(entry.width, key)
        if len(widths) > 1:
            (one, first), (other, second), *_ = widths.items()
            raise InputError(
                f"{file.path}: entry {first!r:.80} has {one} features and entry {second!r:.80} has {other}; expected "
                "the same number in all"
            )
