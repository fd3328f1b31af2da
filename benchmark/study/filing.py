"""Study files: finding them by name, and filing them beside the runs of the study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmark.files import replace_text
from benchmark.study.renamed import as_run
from benchmark.study.study import Study, load_study, make_study
from protocols import InputError, unknown_name

#: Studies that ship with the suite.
SHIPPED = Path(__file__).parent / "shipped"


def study_folder(study: Study, root: Path) -> Path:
    """Return the folder of the tables and figures of a study."""
    return root / "studies" / study.name


def replaced(study: Study, root: Path) -> list[str]:
    """Return the data sets, models, protocols, seeds and settings that only the filed study of the same name has."""
    try:
        filed = load_study(study_folder(study, root) / "study.yaml")
    except InputError:
        return []
    return [text for text in _parts(filed) if text not in _parts(study)]


def _parts(study: Study) -> list[str]:
    settings = ", ".join(f"{key} {value}" for key, value in study.optimisation.items()) or "settings as registered"
    training = [settings, f"regime {study.regime}", f"encoder {study.encoder.name} ({study.encoder.mode})"]
    seeds = [f"seed {seed}" for seed in study.seeds]
    models = [f"{entry.title} with {entry.config}" if entry.config else entry.title for entry in study.models]
    return [*study.datasets, *models, *study.protocols, *seeds, *training]


def save_study(study: Study, root: Path) -> None:
    """File the study beside its runs, so that reports can be made from the folder alone.

    A filed study of the same name that has more is kept as `replaced.yaml`.
    """
    folder = study_folder(study, root)
    folder.mkdir(parents=True, exist_ok=True)
    # reports may be made from other folders
    study = study.model_copy(update={"plugins": [str(Path(p).resolve()) for p in study.plugins]})
    text = yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False)
    if replaced(study, root):
        replace_text(folder / "replaced.yaml", (folder / "study.yaml").read_text(encoding="utf-8"))
    replace_text(folder / "study.yaml", text)


def load_filed(path: Path) -> Study:
    """Read a study file; in one that is filed beside its runs, models have the names that these runs have now.

    Raises:
        InputError: for a missing file or a wrong field.
    """
    study, folder = load_study(path), path.absolute().parent
    return as_run(study, folder.parents[1]) if folder.parent.name == "studies" else study


def last_study(root: Path) -> Study:
    """Return the study run last under `root`.

    Raises:
        InputError: if there is none.
    """
    files = sorted(root.glob("studies/*/study.yaml"), key=lambda p: p.stat().st_mtime)
    if not files:
        raise InputError(f"no study under {root}; run one first, or name its folder with --out")
    return load_filed(files[-1])


def read_study(name: str | None, fields: Mapping[str, Any], root: Path | None = None) -> Study:
    """Read a study from a file, from finished or shipped studies, or from fields alone.

    Args:
        name: Path of a YAML file, or the name of a study under `root` or of a shipped one such as `demo`; None for
            fields alone.
        fields: Fields that replace those of the file. A model that the file names keeps its settings and label there.
        root: Folder of the run store whose studies are found by name, before the shipped ones.

    Raises:
        InputError: for a missing file or a wrong field.
    """
    if name is None:
        if not fields.get("datasets") or not fields.get("models"):
            raise InputError("name a study file, or give --dataset and --models (the demo: sentibench run demo)")
        return make_study(dict(fields))
    known = {path.stem: path for path in SHIPPED.glob("*.yaml")}
    known |= {path.parent.name: path for path in root.glob("studies/*/study.yaml")} if root else {}
    path = Path(name)
    if name in known and not path.is_file():  # a folder of that name, such as the demo's, is not a study
        path = known[name]
    elif not path.is_file() and path.suffix not in {".yaml", ".yml"}:
        where = f"under {root}; --out names another folder; " if root else ""
        raise unknown_name("study", name, known, hint=f"({where}or give a YAML file)")
    study = load_filed(path)
    if not fields:
        return study
    filed = study.model_dump(mode="json")
    if isinstance(named := fields.get("models"), list):
        entries = {entry["label"] or entry["name"]: entry for entry in filed["models"]}
        fields = {**fields, "models": [entries.get(one, one) if isinstance(one, str) else one for one in named]}
    for key in ("encoder", "optimisation"):  # parts that are not given stay as in the file
        if key in fields:
            fields = {**fields, key: {**filed[key], **fields[key]}}
    return make_study({**filed, **fields}, name)
