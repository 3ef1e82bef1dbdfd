"""Temporal smoothing of maps along the motion of the picture, which prevents flicker."""

from dataclasses import dataclass

import cv2
import numpy as np

from cosod.errors import InputError


@dataclass(frozen=True)
class Smoothing:
    """Options of :class:`Smoother`.

    Attributes:
        strength: weight of the earlier map where the motion predicts the frame perfectly, from 0 (off) to below 1.
        tolerance: difference of color levels between the warped earlier frame and the current one at which this weight
            is divided by e.
        cut: share of pixels not explained by the motion from which on a frame begins a new scene.
    """

    strength: float = 0.7
    tolerance: float = 16.0
    cut: float = 0.5

    def __post_init__(self):
        if not 0 <= self.strength < 1:
            raise InputError(f"smoothing {self.strength}: give a value from 0 (off) to below 1")


class Smoother:
    """Exponential smoothing of maps along optical flow.

    Each map is averaged with the previous smoothed map, warped along the optical flow (DIS, Kroeger et al., ECCV 2016)
    from the current frame to the previous one. The weight of the previous map is small where the warped previous frame
    differs from the current one. It is zero where forward and backward flow are inconsistent, as in uncovered
    background, and in the whole frame after a cut.
    """

    def __init__(self, options: Smoothing | None = None):
        self.options = options or Smoothing()
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def __call__(self, frame: np.ndarray, saliency: np.ndarray) -> np.ndarray:
        """Smooths the map of the next frame.

        Args:
            frame: RGB uint8 ``(S, S, 3)``.
            saliency: its map, float32 ``(H, W)`` in [0, 1].

        Returns:
            float32 ``(H, W)`` in [0, 1].
        """
        if self._last is not None and self.options.strength:
            saliency = self._mixed(frame, saliency, *self._last)
        self._last = frame, saliency
        return saliency

    def _mixed(
        self, frame: np.ndarray, saliency: np.ndarray, last_frame: np.ndarray, last_saliency: np.ndarray
    ) -> np.ndarray:
        gray, last_gray = (cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in (frame, last_frame))
        # The annotations of OpenCV lack that the last argument, the initial flow, may be None.
        flow = self._flow.calc(gray, last_gray, None)  # type: ignore[call-overload]
        forth = self._flow.calc(last_gray, gray, None)  # type: ignore[call-overload]
        height, width = gray.shape
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        x, y = x + flow[..., 0], y + flow[..., 1]

        def moved(image: np.ndarray) -> np.ndarray:
            return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

        error = cv2.blur(cv2.absdiff(moved(last_frame), frame).astype(np.float32), (5, 5)).max(axis=2)
        if (error > self.options.tolerance).mean() > self.options.cut:
            return saliency
        inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
        # Inconsistent forward and backward flow means uncovered background or a wrong flow.
        returns = np.linalg.norm(flow + moved(forth), axis=2) < 1
        weight = self.options.strength * np.exp(-error / self.options.tolerance) * (inside & returns)
        return (weight * moved(last_saliency) + (1 - weight) * saliency).astype(np.float32)
