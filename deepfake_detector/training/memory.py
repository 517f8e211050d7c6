"""What is said where a processor or a GPU has too little memory."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from deepfake_detector import UserError

# torch has an exception of its own for its own allocations on a GPU alone: not for those of the
# driver and of NVIDIA's libraries, nor for the processor's
NO_MEMORY = ("allocate memory", "out of memory", "ALLOC_FAILED")


def is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and any(text in str(error) for text in NO_MEMORY)
    )


@contextmanager
def memory_told() -> Iterator[None]:
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
