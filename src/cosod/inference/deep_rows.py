"""The deepest features of the images of a group, in one contiguous tensor."""

from collections.abc import Iterable

from torch import Tensor

from cosod.models.modules.layers import height_and_width


class DeepRows:
    """A tensor of features of images, to which tensors ``(n, C, h, w)`` are added one after the other.

    All are written into one preallocated tensor. Separate tensors would fragment the memory of the layers, and would be
    in memory twice when they are concatenated.

    Images may have grids of different shapes. The result then has the shape ``(N, C, 1, P)`` with the largest number P
    of positions, and is padded with zeros. A descriptor of length zero shows no object for
    :class:`cosod.models.modules.part_matching.PartMatching`, and adds nothing to a mean under an attention.

    Args:
        rows: expected number of images; there may be more.

    Example:
        >>> import torch
        >>> rows = DeepRows(3)
        >>> rows.add(torch.ones(2, 4, 2, 2))
        >>> rows.add(torch.ones(1, 4, 2, 3))
        >>> rows.tensor().shape
        torch.Size([3, 4, 1, 6])
    """

    def __init__(self, rows: int):
        self._expected, self._used = rows, 0
        self._memory: Tensor | None = None
        self._shapes: set[tuple[int, int]] = set()

    def add(self, deep: Tensor) -> None:
        """Adds the features of some images."""
        self._shapes.add(height_and_width(deep))
        flat = deep.flatten(2)
        rows = self._fit(flat)[self._used : self._used + len(flat)]
        rows[:, :, : flat.shape[2]] = flat
        rows[:, :, flat.shape[2] :] = 0
        self._used += len(flat)

    def tensor(self) -> Tensor:
        """Returns all features: ``(N, C, h, w)`` if all grids have one shape, otherwise ``(N, C, 1, P)``.

        Raises:
            ValueError: nothing was added.
        """
        if self._memory is None:
            raise ValueError("nothing was added")
        found = self._memory[: self._used]
        shape = next(iter(self._shapes)) if len(self._shapes) == 1 else (1, found.shape[2])
        return found.unflatten(2, shape)

    def _fit(self, flat: Tensor) -> Tensor:
        """Returns the memory, large enough for more rows and for rows of more positions."""
        memory = self._memory
        count, channels, positions = flat.shape
        needed = self._used + count
        if memory is None:
            memory = flat.new_empty(max(needed, self._expected), channels, positions)
        elif needed > len(memory) or positions > memory.shape[2]:
            before = memory
            memory = before.new_zeros(max(needed, len(before)), channels, max(positions, before.shape[2]))
            memory[: self._used, :, : before.shape[2]] = before[: self._used]
        self._memory = memory
        return memory


def together(parts: Iterable[Tensor]) -> Tensor:
    """Concatenates tensors ``(n, C, h, w)``, as :class:`DeepRows` does.

    Example:
        >>> import torch
        >>> together([torch.ones(2, 4, 2, 2), torch.ones(1, 4, 2, 2)]).shape
        torch.Size([3, 4, 2, 2])
    """
    parts = list(parts)
    rows = DeepRows(sum(map(len, parts)))
    for part in parts:
        rows.add(part)
    return rows.tensor()
