"""``client.deployments``: configurations put to work."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from kafkaml.errors import RefusedError
from kafkaml.frameworks import Purpose
from kafkaml.sdk import types
from kafkaml.sdk.collection import Collection
from kafkaml.sdk.configurations import Configurations
from kafkaml.wire.distributed import ChainTraining
from kafkaml.wire.framework import Framework
from kafkaml.wire.incremental import Incremental
from kafkaml.wire.semi_supervised import SemiSupervised

__all__ = ["Deployments"]

# Keyword arguments that are shorthand for an entry of ``arguments``.
_SHORT_NAMES = {
    f"{framework}_{purpose}_arguments": (framework, purpose) for framework in Framework for purpose in Purpose
}


class Deployments(Collection[types.Deployment]):
    """Configurations put to work."""

    path = "/deployments/"
    kind = types.Deployment

    def create(
        self,
        *,
        configuration: int | None = None,
        model: int | None = None,
        batch_size: int = 32,
        arguments: Mapping[str, Mapping[str, str]] | None = None,
        confusion_matrix: bool = False,
        split: str | None = None,
        targets: str = "labels",
        seed: int | None = None,
        gpu: int = 0,
        mode: str = "classic",
        incremental: Mapping[str, object] | Incremental | None = None,
        semi_supervised: Mapping[str, object] | SemiSupervised | None = None,
        chain: Mapping[str, object] | ChainTraining | None = None,
        dataset: int | None = None,
        dataset_version: int | None = None,
        **framework_arguments: str,
    ) -> types.Deployment:
        """Deploy a configuration, or a single ``model``: then its configuration is found or created.

        Arguments are written as in a call, for example ``epochs=5, shuffle=True``.

        ``arguments`` are by framework and purpose: ``{"pytorch": {"fit": "max_epochs=5"}}``.
        ``pytorch_fit_arguments="max_epochs=5"`` is short for that. There is such a name for each framework, and for
        ``evaluation``. ``split`` ``"content"`` tests on random samples, ``"time"`` on the newest; None means content,
        or time where the fit arguments say ``shuffle=False``. With ``targets="features"`` the samples are their own
        labels (autoencoders).

        ``mode`` ``"incremental"`` learns an online stream, window by window. ``incremental`` has the settings of that
        mode, and selects it: ``{"indefinite": True, "monitoring_metric": "accuracy", "improvement": 0.05}``. The names
        are those of ``kafkaml.wire.incremental.Incremental``.

        With ``semi_supervised`` the model also learns unlabelled samples of the stream, if it is at least as sure of
        them as ``confidence``. ``{}`` means the defaults, ``{"rounds": 5, "confidence": 0.9}``.

        ``chain`` has the settings for training the sub-models of distributed models, which are not in their code:
        ``{"optimizer": "sgd", "learning_rate": 0.01, "loss_weights": {"edge": 0.5}}``. The names are those of
        ``kafkaml.wire.distributed.ChainTraining``; None means the defaults.

        With a ``dataset`` the deployment trains at once, on the newest version unless one is named, and needs no sink.
        """
        if (configuration is None) == (model is None):
            raise RefusedError("a deployment has a configuration or a model: expected one of the two")
        if model is not None:
            configuration = Configurations(self._connection).of_model(model).id
        settings = incremental.model_dump(exclude_unset=True) if isinstance(incremental, Incremental) else incremental
        semi = semi_supervised.to_json() if isinstance(semi_supervised, SemiSupervised) else semi_supervised
        trained_with = chain.to_json() if isinstance(chain, ChainTraining) else chain
        return self._create(
            {
                "configuration": configuration,
                "batch_size": batch_size,
                "arguments": _merged(arguments or {}, framework_arguments),
                "confusion_matrix": confusion_matrix,
                "split": split,
                "targets": targets,
                "seed": seed,
                "gpu": gpu,
                "mode": mode if settings is None else "incremental",
                "incremental": settings,
                "semi_supervised": semi,
                "chain": trained_with,
                "dataset": dataset,
                "dataset_version": dataset_version,
            }
        )

    def streams(self, identifier: int, *, limit: int = 20) -> list[types.StreamFit]:
        """Return the newest streams, each with the ``reason`` why the deployment cannot learn it, empty where it may be
        able to.
        """
        path = f"{self.path}{identifier}/streams/"
        found = self._connection.request("GET", path, params={"limit": limit})
        return [types.StreamFit.model_validate(fit) for fit in found]

    def datasets(self, configuration: int, *, targets: str = "labels", limit: int = 200) -> list[types.DatasetFit]:
        """Return versions of the newest data sets, each with the reason why the models of a configuration cannot learn
        it.

        ``reason`` is empty where they may be able to. ``limit`` counts data sets.
        """
        asked = {"configuration": configuration, "targets": targets, "limit": limit}
        found = self._connection.request("GET", f"{self.path}datasets/", params=asked)
        return [types.DatasetFit.model_validate(fit) for fit in found]

    def stop(self, identifier: int) -> None:
        """Stop the trainings of a deployment that have not ended."""
        self._act(identifier, "stop")


def _merged(arguments: Mapping[str, Mapping[str, str]], short: Mapping[str, str]) -> dict[str, dict[str, str]]:
    merged = {framework: dict(purposes) for framework, purposes in arguments.items()}
    for name, text in short.items():
        if name not in _SHORT_NAMES:
            close = difflib.get_close_matches(name, _SHORT_NAMES, n=1)
            raise TypeError(
                f"create() got an unexpected keyword argument {name!r}: "
                + (f"did you mean {close[0]}?" if close else f"arguments are {', '.join(_SHORT_NAMES)}")
            )
        framework, purpose = _SHORT_NAMES[name]
        merged.setdefault(framework.value, {})[purpose.value] = text
    return merged
