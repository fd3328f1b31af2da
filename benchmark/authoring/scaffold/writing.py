"""Writing a new model's file from the template.

>>> from benchmark.authoring.scaffold import new_model
>>> new_model("my_model")
PosixPath('my_model.py')
"""

from __future__ import annotations

import datetime
import importlib.util
import keyword
import re
import sys
from importlib import resources
from pathlib import Path
from string import Template

from baselines import model_class
from benchmark.files import replace_file
from protocols import InputError

_NAME = re.compile(r"(?=.{1,36}$)[a-z][a-z0-9]*([-_][a-z0-9]+)*")


def new_model(name: str, out: Path | None = None, *, force: bool = False) -> Path:
    """Write a file with a small working model of that name, to be changed by its author.

    Args:
        name: At most 36 lower-case letters and digits, joined by - or _. The file is named my_model.py, and studies
            and tables name the model my-model, in either case.
        out: File, or folder for it; default: the current folder.
        force: True to replace an existing file.

    Returns:
        Path of the file.

    Raises:
        InputError: for a bad or existing name, an existing file, or a folder that cannot be written to.
    """
    text = render_model(name)
    module = name.replace("-", "_")
    path = Path(f"{module}.py") if out is None else out / f"{module}.py" if out.is_dir() else out
    if path.suffix != ".py":
        raise InputError(f"{path}: a plugin is a Python file; give --out a name that ends in .py, or a folder")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give --out another name")
    _check_hides_nothing(path)
    if not path.parent.is_dir():
        raise InputError(f"{path}: folder {path.parent} does not exist; create it first, or give another --out")
    if path.exists() and not force:
        raise InputError(f"{path}: already exists; give --force to replace it, or --out to choose another file")
    _check_is_free(model_name(name))
    replace_file(path, lambda beside: beside.write_text(text, encoding="utf-8"), new=not force)
    return path


def model_name(name: str) -> str:
    """Return the name in studies and tables of a model in a file `name`: hyphens instead of underscores."""
    return name.replace("_", "-")


def render_model(name: str) -> str:
    """Return the text of a new model's file.

    Raises:
        InputError: for a bad name.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"model name '{name}': expected lower-case letters and digits joined by - or _, beginning with a letter, "
            "36 at most, such as my_model or my-model"
        )
    template = resources.files("benchmark.authoring.scaffold").joinpath("model.py.txt").read_text(encoding="utf-8")
    words = re.split("[-_]", name)
    cls = "".join(word.capitalize() for word in words)
    # the template's own names, and None, True, False, cannot name a class
    if keyword.iskeyword(cls) or any(re.search(rf"\b{taken}\b", template) for taken in (cls, f"{cls}Config")):
        cls += "Network"
    title = " ".join([words[0].capitalize(), *words[1:]])
    return Template(template).substitute(name=model_name(name), cls=cls, title=title, year=datetime.date.today().year)


def _check_is_free(name: str) -> None:
    try:
        known = model_class(name)
    except InputError:
        return
    raise InputError(f"model '{name}' already exists ({known.__module__}); choose another name")


def _check_hides_nothing(path: Path) -> None:
    """Refuse a name such as torch.py, which `import torch` would find in that folder from then on."""
    module = path.stem
    if not module.isidentifier() or keyword.iskeyword(module):
        raise InputError(f"{path}: '{module}' cannot be imported; give --out a name of letters, digits and _")
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):  # an incomplete installation, or a module that is being run
        found = None
    # a module without an origin is a folder or part of the interpreter; one in the current folder is the user's own
    origin = Path(found.origin).resolve() if found is not None and found.origin else None
    if module in sys.stdlib_module_names or (origin is not None and origin.parent != Path.cwd()):
        raise InputError(f"{path}: would hide the Python module '{module}'; give --out another file name")
