"""Alpha of the pixels around an object's edge by closed-form matting (Levin, Lischinski and Weiss, PAMI 2008).

Alpha is taken to be a linear function of the color in every window of 3 x 3 pixels (equation 4), which gives a sparse
linear system in alpha (equation 12). The variables are only the pixels with unknown alpha, a band along the outline, so
that time and memory grow with the length of the outline and not with the size of the photo.
"""

import cv2
import numpy as np

from cosod.postprocess.inpaint import spread

#: Regularization of the linear model for colors in [0, 1] (equation 4).
EPSILON = 1e-5
#: Weight of the estimate of each pixel by its color, and what is added to it if object and background look alike.
WEIGHT, WEIGHT_ALIKE = 0.02, 0.3
#: Distance of the colors of object and background, for values in [0, 1], at which they are well distinguished.
APART = 0.2
#: Standard deviation, in pixels, of the blur of the mask when it replaces alpha.
SOFT = 0.5
#: Values of alpha this close to 0 or 1 become 0 or 1, and what is added to this distance if object and background look
#: alike, because the solution then spreads the edge over the whole band.
CONTRAST, CONTRAST_ALIKE = 0.05, 0.42
#: Distance in pixels over which the confidence of the estimate by color is averaged.
NEAR = 2
#: Maximum number of steps of the conjugate gradients, and the share of the initial residual at which they end.
STEPS, TOLERANCE = 100, 1e-3
#: Number of windows whose matrices are computed at once, which bounds the memory.
CHUNK = 16384

_WINDOW = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
_NEIGHBORS = [(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3)]
#: Index of the pixel itself among its neighbors.
_CENTER = 12


def closed_form_alpha(image: np.ndarray, mask: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """Computes the unknown values of alpha from the known ones around them.

    Args:
        image: float32 ``(H, W, 3)`` in [0, 1].
        mask: mask of the object, bool ``(H, W)``. It gives the known values of alpha, and the unknown ones where object
            and background have the same colors.
        unknown: pixels whose alpha is computed, bool ``(H, W)``.

    Returns:
        float32 ``(H, W)`` in [0, 1], equal to ``mask`` where alpha is known.

    Example:
        >>> levels = mask.astype(np.uint8)  # doctest: +SKIP
        >>> unknown = cv2.dilate(levels, kernel) != cv2.erode(levels, kernel)  # doctest: +SKIP
        >>> alpha = closed_form_alpha(image / np.float32(255), mask, unknown)  # doctest: +SKIP
    """
    alpha = mask.astype(np.float32)
    if not unknown.any():
        return alpha
    estimate, trust = color_estimate(image, mask, unknown)
    own = cv2.GaussianBlur(alpha, (0, 0), SOFT)[unknown]
    trusted = trust[unknown]
    target = trusted * estimate[unknown] + (1 - trusted) * own
    weight = WEIGHT + WEIGHT_ALIKE * (1 - trusted)
    found = _Band(image, unknown).solve(alpha, target, weight)
    cut = CONTRAST + CONTRAST_ALIKE * (1 - cv2.blur(trust, (2 * NEAR + 1, 2 * NEAR + 1))[unknown])
    alpha[unknown] = ((found - cut) / (1 - 2 * cut)).clip(0, 1)
    return alpha


def color_estimate(image: np.ndarray, mask: np.ndarray, unknown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Estimates alpha of each pixel from its color and the nearest colors of object and background.

    Args:
        image, mask, unknown: as for :func:`closed_form_alpha`.

    Returns:
        Alpha and its confidence, both float32 ``(H, W)`` in [0, 1], within :data:`NEAR` pixels of the unknown ones;
        beyond them, the mask and 0. The confidence is low if the two colors are similar, or if the color of the pixel
        is not a mixture of them.
    """
    known = ~unknown
    sides = known & mask, known & ~mask
    alpha, trust = mask.astype(np.float32), np.zeros(mask.shape, np.float32)
    if not all(side.any() for side in sides):
        return alpha, trust
    near = np.flatnonzero(cv2.dilate(unknown.view(np.uint8), np.ones((2 * NEAR + 1, 2 * NEAR + 1), np.uint8)))
    filled = (spread(image, side.astype(np.float32)) for side in sides)
    color, inner, outer = (values.reshape(-1, 3)[near] for values in (image, *filled))
    way = inner - outer
    length = (way * way).sum(-1)
    share = (((color - outer) * way).sum(-1) / (length + 1e-6)).clip(0, 1)
    off = ((color - outer - share[:, None] * way) ** 2).sum(-1)
    alpha.flat[near] = share
    trust.flat[near] = length / (length + APART**2) * np.exp(-off / (2 * APART**2))
    return alpha, trust


class _Band:
    """The matting Laplacian of some pixels, as the coefficients of the 5 x 5 pixels around each of them."""

    def __init__(self, image: np.ndarray, unknown: np.ndarray):
        # With a margin of two pixels, which no window enters, every pixel has all its neighbors.
        padded = np.pad(unknown, 2)
        row = padded.shape[1]
        self.places = np.flatnonzero(padded)
        self.neighbors = self.places + np.array([[dy * row + dx] for dy, dx in _NEIGHBORS])
        self.rows = np.zeros((len(_NEIGHBORS), len(self.places)), np.float32)
        number = np.full(padded.size, -1, np.int32)
        number[self.places] = np.arange(len(self.places))
        touched = cv2.dilate(padded.astype(np.uint8), np.ones((3, 3), np.uint8))
        touched[:3] = touched[-3:] = touched[:, :3] = touched[:, -3:] = 0  # windows lie within the image
        centers = np.flatnonzero(touched)
        colors = np.pad(image, ((2, 2), (2, 2), (0, 0))).reshape(-1, 3)
        window = np.array([dy * row + dx for dy, dx in _WINDOW])
        for start in range(0, len(centers), CHUNK):
            places = centers[start : start + CHUNK, None] + window
            self._add(number[places], _window_matrices(colors[places]))

    def _add(self, numbers: np.ndarray, matrices: np.ndarray) -> None:
        """Adds the matrices ``(n, 9, 9)`` of windows to the rows of their pixels ``(n, 9)``; -1 is a known pixel."""
        for k, (down, across) in enumerate(_WINDOW):
            # At one position in the window, all windows have different pixels, so that the indices are unique.
            variable = numbers[:, k] >= 0
            here, coefficients = numbers[variable, k], matrices[variable, k]
            for other, (y, x) in enumerate(_WINDOW):
                self.rows[(y - down + 2) * 5 + x - across + 2, here] += coefficients[:, other]

    def _times(self, values: np.ndarray) -> np.ndarray:
        """Multiplies the Laplacian by alpha, which is flat and includes the margin, at the pixels of the band."""
        return np.einsum("kn,kn->n", self.rows, values[self.neighbors])

    def solve(self, alpha: np.ndarray, target: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Solves for alpha of the band by conjugate gradients, preconditioned by the diagonal.

        Args:
            alpha: float32 ``(H, W)``: known values outside of the band, and initial ones within it.
            target, weight: target and weight of the pixels of the band, ``(n,)``: ``weight * (alpha - target)^2`` is
                added to the energy.
        """
        flat = np.pad(alpha, 2).ravel()
        found = flat[self.places]
        flat[self.places] = 0
        goal = weight * target - self._times(flat)
        flat[:] = 0

        def apply(values: np.ndarray) -> np.ndarray:
            flat[self.places] = values
            return self._times(flat) + weight * values

        diagonal = self.rows[_CENTER] + weight
        rest = goal - apply(found)
        step = direction = rest / diagonal
        power = float(rest @ step)
        enough = TOLERANCE**2 * float(goal @ (goal / diagonal))
        for _ in range(STEPS):
            if power <= enough:
                break
            image = apply(direction)
            length = power / float(direction @ image)
            found = found + length * direction
            rest = rest - length * image
            step = rest / diagonal
            power, before = float(rest @ step), power
            direction = step + power / before * direction
        return found.clip(0, 1)


def _window_matrices(colors: np.ndarray) -> np.ndarray:
    """Computes equation 12 for windows of 9 pixels, ``(n, 9, 3)``: their parts of the Laplacian, ``(n, 9, 9)``."""
    centered = colors - colors.mean(1, keepdims=True)
    transposed = centered.transpose(0, 2, 1)
    covariance = transposed @ centered / 9 + np.float32(EPSILON / 9) * np.eye(3, dtype=np.float32)
    alike = centered @ np.linalg.inv(covariance) @ transposed
    return np.eye(9, dtype=np.float32) - (1 + alike) / 9
