"""Whether a chat model fits the memory: an estimate by a rule that is told with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from generation.engines.openvino.memory import conversion_bytes
from generation.types import Precision, Runtime

# Bytes of memory for each parameter. OpenVINO multiplies in float32, so it unpacks float16.
_OPENVINO_BYTES: Mapping[Precision, float] = MappingProxyType(
    {"int4": 0.7, "int8": 1.1, "float16": 4.0, "float32": 4.0}
)
# float32; bfloat16, where the processor has it, takes half.
_TORCH_BYTES = 4.0
# Python, the libraries, the embedding model, the verifier and a small index (docs/GENERATION.md).
MARGIN_BYTES = 1_200_000_000
_MEGABYTE = 1_000_000
_BYTES_OF_CACHE_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Fit:
    """An estimate in bytes. `fits` is None when one of the sides is unknown.

    `needed` is while the model runs, `preparing` while it is prepared once; None when its size is
    not known. `available` is what this process could still take; None where nobody says.
    """

    needed: int | None
    preparing: int | None
    available: int | None

    @property
    def fits(self) -> bool | None:
        """Whether there is enough memory to run it."""
        if self.needed is None or self.available is None:
            return None
        return self.needed <= self.available

    @property
    def text(self) -> str:
        """In words, with both numbers."""
        if self.needed is None:
            return "its size is not known before it is fetched"
        needs = f"needs about {megabytes(self.needed)}"
        if self.available is None:
            return f"{needs}; this machine does not say how much is free"
        verdict = "fits" if self.fits else "does not fit"
        return f"{needs}, {megabytes(self.available)} are available: {verdict}"


RULE = (
    "weights + ASSAY_CACHE_MB + "
    f"{MARGIN_BYTES // _MEGABYTE:,} MB for the rest of Assay, against the memory that is available "
    "now, or that is left to this process by a limit"
)


def fit_of(
    parameters: int | None,
    *,
    runtime: Runtime,
    precision: Precision,
    cache_mb: int,
    available: int | None,
) -> Fit:
    """Estimate what a model takes by `RULE`.

    Args:
        parameters: None when unknown.
        runtime: how it would be run, not "auto".
        available: bytes; None when unknown.
    """
    if parameters is None:
        return Fit(None, None, available)
    each = _TORCH_BYTES if runtime == "torch" else _OPENVINO_BYTES[precision]
    cache = cache_mb * _BYTES_OF_CACHE_MB
    return Fit(
        needed=int(parameters * each) + cache + MARGIN_BYTES,
        preparing=conversion_bytes(parameters),
        available=available,
    )


def megabytes(size: int) -> str:
    """A size for people."""
    return f"{round(size / _MEGABYTE):,} MB"
