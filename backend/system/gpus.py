"""The GPUs of this machine, from NVIDIA's management library; empty where library or driver are missing."""

from __future__ import annotations

from typing import Any

from backend.system.documents import Gpu
from kafkaml.logs import get_logger

__all__ = ["gpus"]

logger = get_logger(__name__)


def gpus() -> tuple[list[Gpu], str]:
    """Return the GPUs, and what there is to say when there are none."""
    try:
        # The package is optional, because a platform without GPUs does not need it.
        import pynvml
    except ImportError:
        return [], "no GPU found: the package nvidia-ml-py is not installed"
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return [], f"no GPU found: {error}"
    try:
        found = [_gpu(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError as error:
        logger.warning("the GPUs do not tell their state", error=str(error))
        return [], f"the GPUs do not tell their state: {error}"
    finally:
        pynvml.nvmlShutdown()
    return found, "" if found else "no GPU found"


def _gpu(nvml: Any, index: int) -> Gpu:
    device = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(device)
    name = nvml.nvmlDeviceGetName(device)

    def queried(read: Any, *arguments: Any) -> Any:
        # Virtual and partitioned devices do not tell everything.
        try:
            return read(device, *arguments)
        except nvml.NVMLError:
            return None

    use = queried(nvml.nvmlDeviceGetUtilizationRates)
    return Gpu(
        index=index,
        name=name.decode() if isinstance(name, bytes) else str(name),
        memory_total=int(memory.total),
        memory_used=int(memory.used),
        use=None if use is None else int(use.gpu),
        temperature=queried(nvml.nvmlDeviceGetTemperature, nvml.NVML_TEMPERATURE_GPU),
    )
