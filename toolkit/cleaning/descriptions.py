"""Describe pictures by numbers in which those that do not belong stand apart.

Two descriptions side by side: square roots of a network's pooled features, which tell subjects apart, and small colour
pictures, which tell overlays and foreign scenes apart. Each is reduced to its leading principal components.
"""

from __future__ import annotations

import numpy as np

from toolkit.cleaning.neighbours import principal_components

_SUBJECTS, _SCENES = 256, 128


def describe(embeddings: np.ndarray, colour: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Describe n pictures.

    Args:
        embeddings: `(n, d)` float32 pooled features of a network; the square root of what is above 0 counts, for
            a few strong features would otherwise hide all others.
        colour: `(n, 16, 16, 3)` uint8 thumbnails.

    Returns:
        `(n, q)` subjects, q ≤ 256, and `(n, p)` scenes, p ≤ 128, float32, each of mean squared length 1.
    """
    most = max(1, len(embeddings) // 8)
    subjects = _reduce(np.sqrt(np.maximum(embeddings, 0, dtype=np.float32)), min(_SUBJECTS, most))
    scenes = _reduce(colour.reshape(len(colour), -1).astype(np.float32), min(_SCENES, most))
    return subjects, scenes


def _reduce(features: np.ndarray, dims: int) -> np.ndarray:
    points, _ = principal_components(features, dims)
    return np.asarray(points / (np.sqrt((points**2).sum(axis=1).mean()) + 1e-9), np.float32)
