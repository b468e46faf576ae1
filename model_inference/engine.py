"""ModelEngine: the inference's model in an isolated process, loaded and warm. Made by ``__main__``'s wiring.

Chooses the fastest engine that the artifacts allow: the model converted to ONNX at the end of training, otherwise the
framework, which runs the user's code as the training did and loads the weights.
"""

from __future__ import annotations

import importlib.util
import os
import select
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from kafkaml.artifacts import ONNX_FILE
from kafkaml.errors import BrokenError, DeadlineExceeded, FailedError, ModelProcessDied, SettingsError
from kafkaml.frameworks import FRAMEWORKS
from kafkaml.logs import get_logger
from kafkaml.named_inputs import dtype_to_json
from kafkaml.wire.inference import ServedModel
from kafkaml.wire.limits import ResourceLimits
from mlcode_executor.predictor import Predictor
from mlcode_executor.process import LimitReason, ModelProcess
from mlcode_executor.runtimes import OwnRuntime, Runtime
from mlcode_executor.warming import WarmBudget, WarmUp
from model_inference.predicting import Outputs, SampleSpec
from model_inference.room import resident_bytes

__all__ = ["EngineChoice", "EngineStarter", "ModelEngine", "check_installed", "choose_engine"]

logger = get_logger(__name__)

Array = npt.NDArray[Any]

_LOAD_TIMEOUT_SECONDS = 120.0
# Time limit of a start from the warm server. It forks in milliseconds, and while it is being replaced it is back within
# seconds.
_WARM_START_TIMEOUT_SECONDS = 15.0


@dataclass(frozen=True)
class EngineChoice:
    """Which runtime serves, and the artifact that it loads. With ``needs_code`` the user's code runs before loading."""

    runtime: Runtime
    artifact: str
    needs_code: bool


def choose_engine(model: ServedModel) -> EngineChoice:
    """Return the fastest engine for the model's artifacts. Pure. SettingsError where there is none."""
    if ONNX_FILE in model.artifacts:
        return EngineChoice(OwnRuntime.ONNX, ONNX_FILE, needs_code=False)
    names = FRAMEWORKS[model.framework].artifacts
    artifact = next((name for name in names if name in model.artifacts), "")
    if not artifact:
        raise SettingsError(
            f"version {model.version} of result {model.result_id} has the artifacts {sorted(model.artifacts)}: "
            f"expected {ONNX_FILE} or {names[0]}",
            hint="train the model again",
        )
    return EngineChoice(model.framework, artifact, needs_code=True)


def check_installed(model: ServedModel, choice: EngineChoice) -> None:
    """Raise SettingsError where the packages that serve the model are not on this machine. Imports none of them."""
    if choice.runtime is OwnRuntime.ONNX:
        module, extra, what = "onnxruntime", "worker", f"{ONNX_FILE} of version {model.version}"
    else:
        framework = FRAMEWORKS[model.framework]
        module, extra = framework.module, framework.extra
        what = f"version {model.version} of {model.name} was not converted to ONNX and"
    if importlib.util.find_spec(module) is not None:
        return
    raise SettingsError(
        f"{what} needs {module}, which is not installed here",
        hint=f'in a checkout of Kafka-ML: pip install ".[{extra}]"; or run it with the image that has it',
    )


class EngineStarter:
    """Starts engines for one model, as often as needed. The artifact lies at ``path``."""

    def __init__(
        self,
        model: ServedModel,
        choice: EngineChoice,
        path: Path,
        *,
        limits: ResourceLimits,
        gpu: int,
        fork_server: Path,
        isolation: str,
        start_timeout_seconds: float,
        max_batch: int,
        batch_timeout_seconds: float,
    ) -> None:
        self._model = model
        self._choice = choice
        self._path = path
        self._limits = limits
        self._gpu = gpu
        self._fork_server = fork_server
        self._isolation = isolation
        self._start_timeout_seconds = start_timeout_seconds
        self._max_batch = max_batch
        self._batch_timeout_seconds = batch_timeout_seconds

    def __call__(self, spec: SampleSpec, most: int | None = None) -> ModelEngine:
        """Start a process, load the model, run it on zeros with every batch size that memory and time allow.

        ``most`` bounds the batch further than the settings do. A process that dies at one size is started again for
        smaller ones.
        """
        most = min(most or self._max_batch, self._max_batch)
        while True:
            warm_up = WarmUp(most, WarmBudget.of(self._limits))
            try:
                return self._start(spec, warm_up)
            except FailedError as error:
                if not warm_up.largest or not _is_too_much(error):
                    raise
                most = warm_up.largest
                logger.warning("larger batches are too much for the model", reason=error.message, most=most)

    def _start(self, spec: SampleSpec, warm_up: WarmUp) -> ModelEngine:
        with ExitStack() as undo:
            process = undo.enter_context(self._start_process())
            params: dict[str, Any] = {
                "input": {"dtype": dtype_to_json(spec.dtype), "shape": list(spec.shape)},
                "max_batch": self._max_batch,
            }
            if self._choice.needs_code:
                params |= {"code": self._model.code, "imports": self._model.imports, "seed": self._model.seed}
                params |= {"preparation": dict(self._model.preparation)}
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            undo.callback(os.close, descriptor)
            process.call(
                "load", params, files={self._choice.artifact: descriptor}, timeout_seconds=_LOAD_TIMEOUT_SECONDS
            )
            predictor = Predictor(
                process,
                spec.dtype,
                spec.shape,
                self._max_batch,
                timeout_seconds=self._batch_timeout_seconds,
                warm_up=warm_up,
            )
            undo.pop_all()
            os.close(descriptor)
            logger.info(
                "model is ready",
                version=self._model.version,
                engine=self._choice.runtime.value,
                isolation=process.isolation_level,
                pid=process.pid,
                sample=f"{spec.dtype} {spec.shape}",
                max_batch=predictor.max_batch,
            )
            return ModelEngine(process, predictor, batch_timeout_seconds=self._batch_timeout_seconds)
        raise AssertionError("unreachable: the block returns or raises")

    def _start_process(self) -> ModelProcess:
        def start(fork_server: str, timeout_seconds: float) -> ModelProcess:
            return ModelProcess.start(
                self._choice.runtime,
                self._limits,
                fork_server=fork_server,
                isolation=self._isolation,
                gpu=self._gpu,
                start_timeout_seconds=timeout_seconds,
            )

        # The warm server saves the import of the framework; without it, as in a pod, we start our own.
        if self._fork_server.is_socket():
            try:
                return start(str(self._fork_server), _WARM_START_TIMEOUT_SECONDS)
            except (BrokenError, DeadlineExceeded) as error:
                logger.warning("the warm fork server does not serve, starting one of our own", reason=error.message)
        return start("", self._start_timeout_seconds)


def _is_too_much(error: FailedError) -> bool:
    """Return whether the model may manage a smaller batch."""
    if isinstance(error, ModelProcessDied):
        return error.reason in (LimitReason.MEMORY, LimitReason.KILLED)
    return isinstance(error, DeadlineExceeded)


class ModelEngine:
    """See ``predicting.Engine``, which this implements."""

    def __init__(self, process: ModelProcess, predictor: Predictor, *, batch_timeout_seconds: float) -> None:
        self._process = process
        self._predictor = predictor
        self._batch_timeout_seconds = batch_timeout_seconds
        self._waiting_since: float | None = None

    @property
    def pid(self) -> int:
        """The model process's id, for logs and tests."""
        return self._process.pid

    @property
    def isolation_level(self) -> str:
        """How the model process is isolated."""
        return self._process.isolation_level

    @property
    def max_batch(self) -> int:
        """The most samples of one ``submit``."""
        return self._predictor.max_batch

    @property
    def outputs(self) -> Outputs:
        """Type and shape of each output of one sample."""
        return self._predictor.outputs

    @property
    def resident_bytes(self) -> int:
        """How much memory the model process holds."""
        return resident_bytes(self._process.pid)

    def submit(self, samples: Array) -> None:
        """Copy ``samples`` into shared memory and start predicting them."""
        self._predictor.input_array[: len(samples)] = samples
        self._predictor.submit(len(samples))

    def wait(self, timeout_seconds: float) -> bool:
        """Return whether the oldest batch is answered, waiting at most ``timeout_seconds`` for it."""
        if select.select([self._predictor], [], [], timeout_seconds)[0]:
            self._waiting_since = None
            return True
        now = time.monotonic()
        self._waiting_since = self._waiting_since or now
        if now - self._waiting_since > self._batch_timeout_seconds:
            self._process.close()
            raise DeadlineExceeded(
                f"no prediction within {self._batch_timeout_seconds:g} s; the model process was ended",
                hint="use a smaller model or more CPU",
            )
        return False

    def collect(self) -> list[Array]:
        """Return the outputs of the oldest batch."""
        return self._predictor.collect()

    def close(self) -> None:
        """End the process and give its memory back."""
        self._process.close()
        self._predictor.close()
