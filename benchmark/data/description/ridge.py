"""Ridge regression whose penalty is chosen, in closed form, by leave-one-group-out prediction.

For a linear smoother with hat matrix H the residuals of a group g, predicted from all other samples, are
(I - H_gg)^-1 (y - H y)_g, without fitting again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocols.layout import FloatArray, IntArray

#: Candidate penalties, in units of the mean eigenvalue of the scatter matrix.
PENALTIES: FloatArray = np.logspace(-3, 4, 22)


@dataclass(frozen=True, eq=False)
class Ridge:
    """A fitted regression with an unpenalised intercept.

    Attributes:
        intercept: Mean of the labels.
        centre: `(D,)` mean of the columns.
        weights: `(D,)` coefficients.
        penalty: Chosen penalty, in units of the mean eigenvalue.
        left_out: `(n,)` prediction of every training sample from the other groups.
    """

    intercept: float
    centre: FloatArray
    weights: FloatArray
    penalty: float
    left_out: FloatArray

    def predict(self, columns: FloatArray) -> FloatArray:
        """Return predictions `(m,)` for columns `(m, D)`."""
        return self.intercept + (columns - self.centre) @ self.weights


def fit_ridge(columns: FloatArray, label: FloatArray, groups: IntArray) -> Ridge:
    """Fit a ridge regression; the penalty has the least squared error of predicting every group from the others.

    Args:
        columns: `(n, D)`.
        label: `(n,)`.
        groups: `(n,)` group of each sample, such as its video; with a single group, samples are left out
            one by one.
    """
    n, width = columns.shape
    centre, intercept = columns.mean(axis=0), float(label.mean())
    x, y = columns - centre, label - intercept
    if np.all(groups == groups[0]):
        groups = np.arange(n)
    # coordinates in the eigenvectors of the scatter matrix, from its smaller form
    if width <= n:
        values, vectors = np.linalg.eigh(x.T @ x)
        rotated = x @ vectors
    else:
        values, left = np.linalg.eigh(x @ x.T)
        values = np.maximum(values, 0.0)
        rotated = left * np.sqrt(values)
        vectors = x.T @ (left / np.sqrt(np.where(values > 1e-10 * values.max(initial=1e-300), values, np.inf)))
    values = np.maximum(values, 0.0)
    unit = float(values.mean()) if values.size else 0.0
    penalties = PENALTIES * (unit if unit > 0.0 else 1.0)
    shrunk = 1.0 / (values + penalties[:, None])  # (penalties, D)
    projected = rotated.T @ y
    residual = y[:, None] - rotated @ (shrunk * projected).T  # (n, penalties)
    left_out = np.empty_like(residual)
    order = np.argsort(groups, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        left = rotated[rows]
        hat = np.einsum("id,ld,jd->lij", left, shrunk, left, optimize=True) + 1.0 / n
        kept = np.eye(len(rows)) - hat
        left_out[rows] = np.linalg.solve(kept, residual[rows].T[:, :, None])[:, :, 0].T
    best = int(np.argmin(np.square(left_out).sum(axis=0)))
    weights = vectors @ (shrunk[best] * projected)
    return Ridge(intercept, centre, weights, float(PENALTIES[best]), label - left_out[:, best])
