"""Too little memory of a processor or a GPU: how it is recognised and reported."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from deepfake_detector import UserError

# torch has an exception of its own for its own allocations on a GPU alone: not for those of the
# driver and of NVIDIA's libraries, nor for the processor's
NO_MEMORY = ("allocate memory", "out of memory", "ALLOC_FAILED")


def is_out_of_memory(error: Exception) -> bool:
    """Whether `error` says that an allocation failed, on the processor or a GPU."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and any(text in str(error) for text in NO_MEMORY)
    )


@contextmanager
def out_of_memory_as_error() -> Iterator[None]:
    """Raises UserError, with what to lower, where what is done within runs out of memory."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(
            "training needs more memory than there is",
            "lower train.micro_batch_size: a step takes longer and learns nearly the same; or "
            "lower train.input_size",
        ) from error
