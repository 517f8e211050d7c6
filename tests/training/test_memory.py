"""Too little memory, of whichever kind, is told with what to do about it."""

import pytest
import torch

from deepfake_detector import UserError
from deepfake_detector.training import memory


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        MemoryError(),
    ],
)
def test_too_little_memory_is_told_with_what_to_lower(error):
    message = r"more memory than there is; lower train\.micro_batch_size"
    with pytest.raises(UserError, match=message), memory.out_of_memory_as_error():
        raise error


def test_other_errors_are_what_they_are():
    with pytest.raises(RuntimeError, match="shapes"), memory.out_of_memory_as_error():
        raise RuntimeError("shapes do not match")
