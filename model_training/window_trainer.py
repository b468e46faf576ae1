"""WindowTrainer: the passes over the samples of one window, with the unlabelled ones where requested."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kafkaml.errors import UserCodeError
from kafkaml.failpoints import failpoint
from kafkaml.wire.semi_supervised import PseudoLabels
from model_training.fitting import WindowFit, blamed
from model_training.incremental_state import LearningState
from model_training.incremental_terms import Terms
from model_training.interrupts import Interrupts
from model_training.model_session import ModelSession, Samples
from model_training.newest import Newest, share, shared
from model_training.pseudo_labels import PseudoLabeller, labels_of
from model_training.rounds import Rounds
from model_training.steps import Warnings
from model_training.window_samples import Order

__all__ = ["WindowTrainer"]

# Advice that usually keeps a loss finite.
_STEADIER = "a smaller learning rate, features scaled to 0..1, or clipped gradients (clipnorm=1.0) usually help"


class WindowTrainer:
    """Trains the model of one session; ``learning_rate`` is that of the last pass, by optimizer or parameter group."""

    def __init__(self, session: ModelSession, terms: Terms, interrupts: Interrupts, warnings: Warnings) -> None:
        self._session = session
        self._terms = terms
        self._interrupts = interrupts
        self._warnings = warnings
        self.learning_rate: Mapping[str, float] = {}
        self.labeller: PseudoLabeller | None = None
        if terms.semi_supervised is not None:
            self.labeller = PseudoLabeller(terms.semi_supervised, session, warnings)

    def train(self, samples: Samples, order: Order, fit: WindowFit) -> Mapping[str, float]:
        """Learn the samples after the validation ones; a stop skips passes that have not begun."""
        metrics: Mapping[str, float] = {}
        with samples.rows(order.validated, len(samples)) as training:
            for number in range(self._terms.passes):
                if number and self._interrupts.stopped:
                    break
                if number and self._terms.ordering.shuffle:
                    order.mix_again(samples, number)
                try:
                    done = self._session.partial_fit(training)
                except UserCodeError as error:
                    if not fit.doubts:
                        raise
                    raise blamed(error, *fit.doubts[0]) from error
                metrics, self.learning_rate = done.metrics, done.learning_rate
                self._warnings.add(*done.warnings)
        lost = [name for name, value in metrics.items() if not math.isfinite(value)]
        if lost:
            self._warnings.add(f"the training diverged: {', '.join(lost)} ceased to be a number; {_STEADIER}")
        return metrics

    def train_in_rounds(
        self, samples: Samples, order: Order, fit: WindowFit, unlabelled: NDArray[Any], state: LearningState
    ) -> tuple[Mapping[str, float], Sequence[PseudoLabels]]:
        """Like ``train``, in rounds with the ``unlabelled`` samples that the model is sure of; also returns the rounds.

        ``state`` keeps the newest labelled samples, which windows without any are learnt with, and the counts.
        """
        assert self._terms.semi_supervised is not None
        assert self.labeller is not None
        own = Newest(samples.features.array[order.validated :], samples.labels.array[order.validated :])
        # An untrained model may be sure of anything, so learn labelled samples first.
        labelled_alone = not state.trained or not len(unlabelled)
        metrics: Mapping[str, float] = {}
        if len(own):
            state.labelled = Newest.joined(state.labelled, own)
            metrics = self.train(samples, order, fit) if labelled_alone else {}
        labelled = own if len(own) else state.labelled
        if not len(unlabelled) or labelled is None:
            return metrics, ()
        with shared(unlabelled) as features:
            rounds = Rounds(self.labeller, features, most=self._terms.semi_supervised.rounds, first=1)
            while not (rounds.reports and self._interrupts.stopped) and rounds.begin():
                metrics = self._train_round(rounds, labelled, unlabelled, fit, step=state.step + 1)
                failpoint("incremental.round")
                if not rounds.end():
                    break
        chosen = len(rounds.chosen)
        state.unlabelled += len(unlabelled)
        state.pseudo_labelled += chosen
        state.pseudo_labels = list(rounds.reports)
        if len(own) and not labelled_alone and not chosen:
            metrics = self.train(samples, order, fit)
        return metrics, rounds.reports

    def _train_round(
        self, rounds: Rounds, labelled: Newest, unlabelled: NDArray[Any], fit: WindowFit, *, step: int
    ) -> Mapping[str, float]:
        chosen = rounds.chosen
        pseudo = labels_of(chosen.classes, like=labelled.labels[:0], count=rounds.classes)
        union = Newest(
            np.concatenate([labelled.features, unlabelled[chosen.rows]]), np.concatenate([labelled.labels, pseudo])
        )
        order = Order(self._terms.ordering, step=step, count=len(union), validates=0, round_=rounds.reports[-1].round)
        with share(union.features, union.labels, rows=order.rows, targets_are_features=False) as samples:
            return self.train(samples, order, fit)
