"""What is done to grey values before a foreign network, and to its maps behind it.

The operations are those of BioImage.IO descriptions.  Ones that look at statistics
are settled first: replaced by an operation with the numbers in it.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from napari_mitoseg.models.normalize import normalize_slice
from napari_mitoseg.params import Params, param
from napari_mitoseg.volume import Volume

Values = NDArray[np.float32]
Scope = Literal["slice", "stack"]

MOST_SAMPLED = 2**24
"""Grey values that the statistics of a stack are taken from."""

SCOPE_HELP = "Statistics of each slice, or of the whole stack."


class Linear(Params):
    """Multiply and add."""

    kind: Literal["linear"] = param("linear", description="Name.")
    gain: float = param(1.0, description="Factor.")
    offset: float = param(0.0, description="Added afterwards.")

    def settled(self, values: Values) -> Self:  # noqa: ARG002 - looks at nothing
        """Return itself."""
        return self

    def apply(self, values: Values) -> Values:
        """Return the values changed."""
        return values * np.float32(self.gain) + np.float32(self.offset)

    def apply_to_tensor(self, maps: Tensor) -> Tensor:
        """Return maps changed."""
        return maps * self.gain + self.offset


class Clip(Params):
    """Bring values beyond two limits to the limit."""

    kind: Literal["clip"] = param("clip", description="Name.")
    low: float | None = param(None, description="Least value.")
    high: float | None = param(None, description="Largest value.")

    def settled(self, values: Values) -> Self:  # noqa: ARG002 - looks at nothing
        """Return itself."""
        return self

    def apply(self, values: Values) -> Values:
        """Return the values changed."""
        return np.clip(values, self.low, self.high)

    def apply_to_tensor(self, maps: Tensor) -> Tensor:
        """Return maps changed."""
        return maps.clamp(self.low, self.high)


class Binarize(Params):
    """1 above a threshold, else 0."""

    kind: Literal["binarize"] = param("binarize", description="Name.")
    threshold: float = param(0.5, description="Largest value that becomes 0.")

    def settled(self, values: Values) -> Self:  # noqa: ARG002 - looks at nothing
        """Return itself."""
        return self

    def apply(self, values: Values) -> Values:
        """Return the values changed."""
        return (values > self.threshold).astype(np.float32)

    def apply_to_tensor(self, maps: Tensor) -> Tensor:
        """Return maps changed."""
        return (maps > self.threshold).to(maps.dtype)


class Standardize(Params):
    """Bring values to mean 0 and standard deviation 1."""

    kind: Literal["standardize"] = param("standardize", description="Name.")
    eps: float = param(1e-6, gt=0, le=0.1, description="Added to the deviation.")
    scope: Scope = param("slice", description=SCOPE_HELP)

    def settled(self, values: Values) -> "Shift":
        """Return the operation with the numbers of a sample of values."""
        wide = values.astype(np.float64)
        return Shift(minus=float(wide.mean()), over=float(wide.std()) + self.eps)


class ScaleRange(Params):
    """Bring two percentiles to 0 and 1."""

    kind: Literal["scale-range"] = param("scale-range", description="Name.")
    low: float = param(0.0, ge=0, lt=100, description="Percentile that becomes 0.")
    high: float = param(100.0, gt=0, le=100, description="Percentile that becomes 1.")
    eps: float = param(1e-6, gt=0, le=0.1, description="Added to the range.")
    scope: Scope = param("slice", description=SCOPE_HELP)

    def settled(self, values: Values) -> "Shift":
        """Return the operation with the numbers of a sample of values."""
        low, high = np.percentile(values, (self.low, self.high))
        return Shift(minus=float(low), over=float(high - low) + self.eps)


class Shift(Params):
    """Subtract and divide."""

    kind: Literal["shift"] = param("shift", description="Name.")
    minus: float = param(0.0, description="Subtracted.")
    over: float = param(1.0, description="Divided by afterwards.")

    def settled(self, values: Values) -> Self:  # noqa: ARG002 - looks at nothing
        """Return itself."""
        return self

    def apply(self, values: Values) -> Values:
        """Return the values changed."""
        shifted = (values.astype(np.float64) - self.minus) / self.over
        return shifted.astype(np.float32)

    def apply_to_tensor(self, maps: Tensor) -> Tensor:
        """Return maps changed."""
        return (maps - self.minus) / self.over


class FullScale(Params):
    """Divide whole numbers by the largest of their type; must stand first."""

    kind: Literal["full-scale"] = param("full-scale", description="Name.")

    def settled(self, values: Values) -> Self:  # noqa: ARG002 - see `Preparation`
        """Return itself."""
        return self

    def apply(self, values: Values) -> Values:
        """Return the values, which have been divided while their type was known."""
        return values


class NormalizeSlice(Params):
    """The normalisation of this package: `normalize.normalize_slice`."""

    kind: Literal["normalize-slice"] = param("normalize-slice", description="Name.")

    def settled(self, values: Values) -> Self:  # noqa: ARG002 - looks at one slice
        """Return itself."""
        return self

    def apply(self, values: Values) -> Values:
        """Return a slice normalised."""
        return normalize_slice(values)


class Sigmoid(Params):
    """From logits to probabilities."""

    kind: Literal["sigmoid"] = param("sigmoid", description="Name.")

    def apply_to_tensor(self, maps: Tensor) -> Tensor:
        """Return maps changed."""
        return maps.sigmoid()


class Softmax(Params):
    """From logits of classes, one a channel, to probabilities."""

    kind: Literal["softmax"] = param("softmax", description="Name.")

    def apply_to_tensor(self, maps: Tensor) -> Tensor:
        """Return maps changed."""
        return maps.softmax(dim=1)


Before = Annotated[
    Linear
    | Clip
    | Binarize
    | Standardize
    | ScaleRange
    | Shift
    | FullScale
    | NormalizeSlice,
    Field(discriminator="kind"),
]
"""Operations on the image."""

Behind = Annotated[
    Linear | Clip | Binarize | Shift | Sigmoid | Softmax, Field(discriminator="kind")
]
"""Operations on the maps."""

Settled = Linear | Clip | Binarize | Shift | FullScale | NormalizeSlice


class Preparation:
    """Brings slices of a stack to what a foreign network expects.

    Parameters
    ----------
    operations : sequence of Before
        In order.
    volume : Volume
        The stack; read only where an operation asks for its statistics.
    """

    def __init__(self, operations: Sequence[Before], volume: Volume) -> None:
        self._operations = _with_statistics(operations, volume)
        self._divides = any(one.kind == "full-scale" for one in operations)

    def __call__(self, plane: NDArray[Any]) -> Values:
        """Return a slice prepared, float32."""
        values: Values = plane.astype(np.float32)
        if self._divides and plane.dtype.kind in "iu":
            values /= np.float32(np.iinfo(plane.dtype).max)
        for operation in self._operations:
            values = operation.settled(values).apply(values)
        return values


def _with_statistics(
    operations: Sequence[Before], volume: Volume
) -> tuple[Before, ...]:
    """Replace the operations that look at the whole stack by their numbers."""
    if not any(getattr(one, "scope", "slice") == "stack" for one in operations):
        return tuple(operations)
    values = _sample(volume)
    done: list[Before] = []
    for operation in operations:
        settled: Settled = operation.settled(values)
        whole = getattr(operation, "scope", "slice") == "stack"
        done.append(settled if whole else operation)
        values = settled.apply(values)
    return tuple(done)


def _sample(volume: Volume) -> Values:
    """Return all grey values of a stack, or evenly spread ones of a large one."""
    depth, height, width = volume.shape
    per_slice = max(MOST_SAMPLED // depth, min(height * width, MOST_SAMPLED // 64))
    n_slices = min(depth, max(MOST_SAMPLED // per_slice, 1))
    chosen = np.linspace(0, depth - 1, n_slices).round().astype(int)
    stride = -(-height * width // per_slice)
    parts = [volume.read_slice(int(z)).reshape(-1)[::stride] for z in chosen]
    return np.concatenate(parts).astype(np.float32)[:, None]
