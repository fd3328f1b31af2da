"""Packages of this project that other files or distributions hide or overwrite, named as `sentibench` is imported."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import importlib.util
import sys
from pathlib import Path


def refuse_shadows() -> None:
    """Raise ImportError where another file or distribution hides a package of this project."""
    own = Path(__file__).resolve().parents[1]
    for package in ("protocols", "baselines", "senti_ifusion", "benchmark"):
        loaded = sys.modules.get(package)
        found = getattr(loaded, "__spec__", None) if loaded else importlib.util.find_spec(package)
        place = Path(found.origin).resolve() if found is not None and found.origin else None
        if place is None or own not in place.parents:
            hint = "rename it, or start Python elsewhere" if place else "install sentibench again"
            raise ImportError(f"package '{package}' of sentibench is hidden by {place or 'a folder'}; {hint}")


def refuse_overwritten() -> None:
    """Raise ImportError where another distribution installed its own package over one of this project."""
    try:
        files = importlib.metadata.distribution("sentibench").files or []
    except importlib.metadata.PackageNotFoundError:
        return
    for file in files:
        if len(file.parts) != 2 or file.name != "__init__.py" or file.hash is None:
            continue
        content = Path(str(file.locate())).read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.new(file.hash.mode, content).digest()).decode().rstrip("=")
        if digest == file.hash.value:
            continue
        owners = importlib.metadata.packages_distributions().get(file.parts[0], ())
        others = sorted(set(owners) - {"sentibench"})
        if others:
            raise ImportError(
                f"package '{file.parts[0]}' of sentibench was overwritten by the distribution {' or '.join(others)}; "
                "install the two into separate environments"
            )
