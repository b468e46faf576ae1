"""Distributed models: a chain of sub-models is deployed as one run that leads to a result for each of them."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from backend.accounts.models import AuditEntry
from backend.api.actors import SYSTEM
from backend.api.errors import Conflict, NotFound
from backend.api.tests import builders
from backend.controller.django_store import DjangoStore
from backend.deployments import checkpoints, deleting, services, transitions
from backend.deployments.models import Artifact, TrainingResult
from backend.deployments.plans import training_plan
from backend.deployments.version_services import promote_version
from backend.launchers.names import RunKind
from backend.ml_models.models import MLModel
from backend.runs import transitions as runs
from kafkaml.errors import RefusedError
from kafkaml.wire.checkpoint import Checkpoint
from kafkaml.wire.distributed import Exit, Scores
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.progress import EpochMetrics
from kafkaml.wire.report import EpochEvent, Finish, NewVersion
from kafkaml.wire.state import RunState
from kafkaml.wire.version import Comparison

pytestmark = pytest.mark.django_db

FAILURE = Failure(category=FailureCategory.LOST, cause="evicted")


def parts(leader: TrainingResult) -> list[TrainingResult]:
    """From below, as the database has them."""
    return list(leader.deployment.results.order_by("tier"))


def states(leader: TrainingResult) -> set[tuple[str, str, int]]:
    return {(result.state, result.desired, result.attempt) for result in parts(leader)}


def upload(leader: TrainingResult, content: bytes = b"weights") -> None:
    for result in parts(leader):
        # Files of the attempt, and of no version yet.
        result.current_version = None
        builders.make_artifact(result, content=content + str(result.tier).encode())


def finish(part: TrainingResult, attempt: int = 1) -> bool:
    files = dict(Artifact.objects.filter(result=part, attempt=attempt, version=None).values_list("name", "sha256"))
    return transitions.mark_finished(part.pk, Finish(attempt=attempt, outcome=builders.outcome(artifacts=files)))


def finish_all(leader: TrainingResult, attempt: int = 1) -> None:
    for result in parts(leader):
        assert finish(result, attempt)


def versions(leader: TrainingResult) -> list[list[int]]:
    return [sorted(result.versions.values_list("number", flat=True)) for result in parts(leader)]


@pytest.fixture
def chain() -> list[MLModel]:
    return builders.make_chain()


@pytest.fixture
def leader(chain: list[MLModel]) -> TrainingResult:
    """The top's result; the first attempt of its run was launched."""
    return builders.make_launched(*chain)


class TestAsking:
    def body(self, models: list[MLModel], **values: Any) -> dict[str, Any]:
        return {"configuration": builders.make_configuration(*models).pk, **values}

    def test_without_a_word_the_defaults_are_meant(self, chain: list[MLModel], editor: APIClient) -> None:
        shown = editor.post("/api/deployments/", self.body(chain)).json()
        assert shown["chain"] == {
            "optimizer": "adam",
            "learning_rate": 0.001,
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["sparse_categorical_accuracy"],
            "loss_weights": {},
        }
        rows = {result["model"]: result for result in shown["results"]}
        edge, fog, cloud = (rows[model.pk] for model in chain)
        assert [row["tier"] for row in (edge, fog, cloud)] == [0, 1, 2]
        assert [row["leader"] for row in (edge, fog, cloud)] == [cloud["id"], cloud["id"], None]

    def test_an_ordinary_deployment_has_none(self, editor: APIClient) -> None:
        shown = editor.post("/api/deployments/", self.body([builders.make_model()])).json()
        assert shown["chain"] is None
        assert (shown["results"][0]["leader"], shown["results"][0]["tier"]) == (None, None)

    @pytest.mark.parametrize("place", ["chain", "old"])
    def test_names_are_those_of_the_first_form_too(self, place: str, chain: list[MLModel], editor: APIClient) -> None:
        asked: dict[str, Any] = {"optimizer": "SGD", "learning_rate": 0.1, "loss": "mse", "metrics": "mae, mse"}
        weights = {"loss_weights": {chain[0].name: 0.3}}
        values = {**asked, "chain": weights} if place == "old" else {"chain": {**asked, **weights}}
        shown = editor.post("/api/deployments/", self.body(chain, **values)).json()["chain"]
        assert shown == {**asked, "optimizer": "sgd", "metrics": ["mae", "mse"], **weights}

    @pytest.mark.parametrize(
        ("values", "field", "words"),
        [
            ({"chain": {"optimizer": "adm"}}, "chain.optimizer", "TensorFlow has no 'adm' here: expected one of adam"),
            ({"optimizer": "adm"}, "optimizer", "TensorFlow has no 'adm'"),
            ({"chain": {"loss": "mine"}}, "chain.loss", "has no 'mine'"),
            ({"metrics": "mse, f7"}, "metrics", "has no 'f7'"),
            ({"learning_rate": 0}, "learning_rate", "greater than 0"),
            ({"chain": {"rate": 1}}, "chain.rate", "there is no such setting"),
            ({"chain": {"loss": "mse"}, "loss": "mse"}, "loss", "chain.loss says the same"),
            ({"chain": {"loss_weights": {"egde": 1}}}, "chain.loss_weights.egde", "there is no sub-model 'egde'"),
            ({"chain": {"loss_weights": {"edge": -1}}}, "chain.loss_weights.edge", "greater than or equal to 0"),
            ({"semi_supervised": {}}, "semi_supervised", "not equally sure"),
            ({"targets": "features"}, "targets", "predict labels"),
            (
                {"arguments": {"tensorflow": {"fit": "class_weight={0: 2}"}}},
                "arguments.tensorflow.fit",
                "several outputs, which class_weight does not weight",
            ),
            (
                {"arguments": {"tensorflow": {"fit": "monitor='egde_loss', early_stopping=3"}}},
                "arguments.tensorflow.fit",
                "the distributed model has no metric 'egde_loss' to monitor: expected loss or edge",
            ),
            ({"chain": 3}, "chain", "expected an object"),
            (
                {"mode": "incremental", "incremental": {"monitoring_metric": "auc", "change": "up"}},
                "incremental.monitoring_metric",
                "expected one of loss, sparse_categorical_accuracy",
            ),
        ],
    )
    def test_what_is_wrong_is_reported(
        self, values: dict[str, Any], field: str, words: str, chain: list[MLModel], editor: APIClient
    ) -> None:
        for address, status in (("/api/deployments/", 400), ("/api/deployments/check/", 200)):
            answer = editor.post(address, self.body(chain, **values))
            assert answer.status_code == status, answer.json()
            problems = {error["field"]: error["detail"] for error in answer.json()["errors"]}
            assert words in problems[field]

    def test_some_exit_counts(self, chain: list[MLModel], editor: APIClient) -> None:
        none = {model.name: 0 for model in chain}
        answer = editor.post("/api/deployments/", self.body(chain, chain={"loss_weights": none}))
        assert answer.json()["errors"][0]["field"] == "chain.loss_weights"

    @pytest.mark.parametrize("values", [{"chain": {}}, {"optimizer": "adam"}])
    def test_ordinary_models_say_themselves(self, values: dict[str, Any], editor: APIClient) -> None:
        answer = editor.post("/api/deployments/", self.body([builders.make_model()], **values))
        assert answer.status_code == 400
        assert "no distributed model" in answer.json()["errors"][0]["detail"]

    def test_a_name_holds_for_the_chains_of_all_frameworks(self, chain: list[MLModel], editor: APIClient) -> None:
        both = [*chain, *builders.make_chain(framework="pytorch")]
        answer = editor.post("/api/deployments/", self.body(both, loss="poisson"))
        assert "PyTorch has no 'poisson'" in answer.json()["errors"][0]["detail"]
        assert len(editor.post("/api/deployments/", self.body(both)).json()["results"]) == 6


class TestTheRun:
    def test_its_plan_names_the_sub_models_from_below(self, chain: list[MLModel]) -> None:
        weights = {"loss_weights": {chain[0].name: 0.3}}
        leader = builders.make_launched(*chain, chain=weights)
        # Its weight stays where a model gets another name.
        chain[0].name = "another name"
        chain[0].save()
        plan = training_plan(leader)
        assert [(part.result_id, part.model_name, part.loss_weight) for part in plan.chain] == [
            (result.pk, model.name, weight)
            for result, model, weight in zip(parts(leader), chain, (0.3, 1.0, 1.0), strict=True)
        ]
        assert (plan.result_id, plan.model_name, plan.code) == (leader.pk, chain[-1].name, chain[-1].code)
        assert plan.chain_training is not None
        assert plan.chain_training.loss_weights == weights["loss_weights"]
        assert training_plan(builders.make_launched()).chain == ()

    def test_the_controller_sees_one(self, leader: TrainingResult) -> None:
        rows = DjangoStore(ensure_topics=lambda _inference: None).rows([])
        assert [row.subject.number for row in rows if row.subject.kind is RunKind.TRAINING] == [leader.pk]
        assert {result.stream_id for result in parts(leader)} == {leader.stream_id}

    def test_what_happens_to_it_happens_to_all(self, leader: TrainingResult) -> None:
        runs.mark_running(TrainingResult, leader.pk, 1)
        assert states(leader) == {("running", "run", 1)}
        transitions.report_failure(leader.pk, 1, FAILURE, outcome=None)
        assert states(leader) == {("waiting", "run", 1)}
        assert {result.next_retry_at is None for result in parts(leader)} == {False}
        runs.register_attempt(TrainingResult, leader.pk)
        assert states(leader) == {("waiting", "run", 2)}
        runs.mark_failed(TrainingResult, leader.pk, 2, FAILURE, log_tail="the end")
        assert states(leader) == {("failed", "run", 2)}
        assert {(result.failure or {}).get("cause") for result in parts(leader)} == {"evicted"}

    def test_any_of_its_results_stops_and_restarts_it(self, leader: TrainingResult, editor: APIClient) -> None:
        edge = parts(leader)[0]
        assert editor.post(f"/api/results/{edge.pk}/stop/").json()["desired"] == "stopped"
        assert states(leader) == {("waiting", "stopped", 1)}
        runs.mark_stopped(TrainingResult, leader.pk, 1, log_tail="its log")
        MLModel.objects.filter(pk=edge.model_id).update(code="mended")
        assert editor.get(f"/api/results/{edge.pk}/logs/").json()["text"] == "its log"
        assert editor.post(f"/api/results/{edge.pk}/restart/", {}).status_code == 202
        assert states(leader) == {("waiting", "run", 2)}
        assert [result.code for result in parts(leader)] == ["mended", "model = 1", "model = 1"]
        assert AuditEntry.objects.filter(action="restart").count() == 1

    def test_a_deployment_is_stopped_and_deleted_whole(self, leader: TrainingResult) -> None:
        services.stop_deployment(leader.deployment, actor=SYSTEM)
        assert AuditEntry.objects.filter(action="stop").count() == 1
        with pytest.raises(Conflict) as caught:
            deleting.delete_deployment(leader.deployment, actor=SYSTEM)
        assert [user["id"] for user in caught.value.users] == [leader.pk]  # type: ignore[attr-defined]
        runs.mark_stopped(TrainingResult, leader.pk, 1)
        deleting.delete_deployment(leader.deployment, actor=SYSTEM)
        assert not TrainingResult.objects.exists()

    def test_all_go_on_from_the_checkpoint_of_the_leader(self, leader: TrainingResult) -> None:
        for result in parts(leader):
            events = [
                EpochEvent(seq=n, type="epoch", data=EpochMetrics(epoch=n, seconds=1, training={"loss": 1.0 / n}))
                for n in (1, 2, 3)
            ]
            transitions.store_events(result.pk, 1, events)
        assert states(leader) == {("running", "run", 1)}
        artifact = builders.make_artifact(leader, name="checkpoint-2.zip")
        saved = Checkpoint(attempt=1, name=artifact.name, sha256=artifact.sha256, size=artifact.size, step=2, records=0)
        checkpoints.save(leader.pk, 1, saved)
        transitions.report_failure(leader.pk, 1, FAILURE, outcome=None)
        runs.register_attempt(TrainingResult, leader.pk)
        for result in parts(leader):
            assert [row.epoch for row in result.epochs.all()] == [1, 2]
            assert (result.metrics or {})["epoch"] == 2
            assert result.last_event_seq == -1

    def test_events_of_a_sub_model_begin_the_run(self, leader: TrainingResult) -> None:
        edge = parts(leader)[0]
        event = EpochEvent(seq=1, type="epoch", data=EpochMetrics(epoch=1, seconds=1, training={"loss": 0.5}))
        transitions.store_events(edge.pk, 1, [event])
        assert states(leader) == {("running", "run", 1)}
        assert [result.metrics is None for result in parts(leader)] == [False, True, True]


class TestItsVersions:
    def test_they_come_with_that_of_the_leader(self, leader: TrainingResult) -> None:
        upload(leader)
        edge, fog, top = parts(leader)
        assert finish(edge)
        # A repeated report counts once.
        assert finish(edge)
        assert versions(leader) == [[], [], []]
        with pytest.raises(RefusedError, match=f"not said of results {fog.pk}"):
            finish(top)
        assert states(leader) == {("waiting", "run", 1)}
        assert finish(fog)
        assert finish(top)
        assert finish(top)
        assert finish(edge)
        assert versions(leader) == [[1], [1], [1]]
        assert states(leader) == {("finished", "run", 1)}
        for result in parts(leader):
            assert result.current_version is not None
            assert (result.pending, result.current_version.artifacts.count()) == (None, 1)

    def test_what_an_attempt_reported_that_was_killed_is_forgotten(self, leader: TrainingResult) -> None:
        upload(leader)
        assert finish(parts(leader)[0])
        transitions.report_failure(leader.pk, 1, FAILURE, outcome=None)
        runs.register_attempt(TrainingResult, leader.pk)
        assert not finish(parts(leader)[0], attempt=1)
        leader.refresh_from_db()
        upload(leader, b"others")
        with pytest.raises(RefusedError, match="not said of results"):
            finish(leader, attempt=2)
        finish_all(leader, attempt=2)
        assert versions(leader) == [[1], [1], [1]]
        assert not Artifact.objects.filter(attempt=1).exists()

    def test_a_file_that_is_missing_is_reported_at_once(self, leader: TrainingResult) -> None:
        outcome = builders.outcome(artifacts={"model.keras": builders.SHA256})
        with pytest.raises(RefusedError, match=r"artifacts model\.keras"):
            transitions.mark_finished(parts(leader)[0].pk, Finish(attempt=1, outcome=outcome))

    def test_while_training_goes_on_all_are_promoted_or_none(self, leader: TrainingResult) -> None:
        def tell(part: TrainingResult, step: int, comparison: Comparison | None = None) -> int:
            files = dict(part.artifacts.filter(version=None).values_list("name", "sha256"))
            outcome = builders.outcome(artifacts=files)
            return transitions.store_version(
                part.pk, NewVersion(attempt=1, step=step, outcome=outcome, comparison=comparison)
            )

        upload(leader)
        edge, fog, top = parts(leader)
        assert [tell(result, 4) for result in (edge, fog, top)] == [1, 1, 1]
        assert [tell(result, 4) for result in (edge, fog, top)] == [1, 1, 1]
        worse = Comparison.model_validate(
            {
                "metric": "loss",
                "direction": "down",
                "improvement": 0,
                "champion": 1,
                "champion_value": 0.1,
                "challenger_value": 0.2,
                "samples": 10,
            }
        )
        upload(leader, b"worse")
        edge, fog, top = parts(leader)
        with pytest.raises(RefusedError, match="not said of results"):
            tell(top, 7, worse)
        assert [tell(result, 7, worse if result is top else None) for result in (edge, fog, top)] == [2, 2, 2]
        assert versions(leader) == [[1, 2]] * 3
        assert {result.current_version and result.current_version.number for result in parts(leader)} == {1}

    def test_one_that_is_promoted_takes_the_others_with_it(self, leader: TrainingResult) -> None:
        for attempt in (1, 2):
            upload(leader, str(attempt).encode())
            finish_all(leader, attempt)
            if attempt == 1:
                leader.refresh_from_db()
                services.restart_result(leader, actor=SYSTEM)
                leader.refresh_from_db()
        assert versions(leader) == [[1, 2]] * 3
        edge, fog, _ = parts(leader)
        promote_version(edge.pk, 1, actor=SYSTEM, why="")
        assert {result.current_version and result.current_version.number for result in parts(leader)} == {1}
        fog.versions.filter(number=2).delete()
        with pytest.raises(Conflict, match=f"version 2 of result {fog.pk}"):
            promote_version(edge.pk, 2, actor=SYSTEM, why="")
        with pytest.raises(NotFound):
            promote_version(fog.pk, 2, actor=SYSTEM, why="")
        assert {result.current_version and result.current_version.number for result in parts(leader)} == {1}
        assert RunState(leader.state) is RunState.WAITING


class TestItsExits:
    def test_what_limits_would_do_is_reported(self, leader: TrainingResult, viewer: APIClient) -> None:
        builders.finish_chain(leader)
        edge, fog, cloud = parts(leader)
        shown = viewer.get(f"/api/results/{leader.pk}/exits/").json()
        assert [tier["result"] for tier in shown["tiers"]] == [edge.pk, fog.pk, cloud.pk]
        assert [tier["limit"] for tier in shown["tiers"]] == [0.8, 0.8, None]
        assert [tier["alone"] for tier in shown["tiers"]] == [0.5, 0.5, 1.0]
        assert [tier["arriving"] for tier in shown["tiers"]] == [1.0, 0.5, 0.5]
        assert (shown["of"], shown["samples"], shown["accuracy"], shown["bytes_per_sample"]) == ("test", 4, 1.0, 256)
        assert shown["tiers"][0]["points"][0] == {
            "limit": 0.5,
            "sent_up": 0.0,
            "accuracy": 0.5,
            "bytes_per_sample": 0.0,
            "seconds_per_sample": 0.0,
        }
        given = viewer.get(f"/api/results/{edge.pk}/exits/", {"limits": ",0"}).json()
        # A fog that keeps all is as wrong as the edge: nothing need go up.
        assert [tier["limit"] for tier in given["tiers"]] == [0.5, 0.0, None]
        assert (given["accuracy"], given["version"]) == (0.5, 1)

    @pytest.mark.parametrize("limits", ["2", "x", "0.5,0.5,0.5", "nan"])
    def test_limits_are_numbers_from_0_to_1(self, limits: str, leader: TrainingResult, viewer: APIClient) -> None:
        builders.finish_chain(leader)
        answer = viewer.get(f"/api/results/{leader.pk}/exits/", {"limits": limits})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "limits")

    def test_where_there_are_none_the_reason_is_reported(self, leader: TrainingResult, viewer: APIClient) -> None:
        ordinary = builders.make_finished()
        assert "ordinary model" in viewer.get(f"/api/results/{ordinary.pk}/exits/").json()["detail"]
        assert "no version yet" in viewer.get(f"/api/results/{leader.pk}/exits/").json()["detail"]
        builders.finish_chain(leader, scores="values")
        answer = viewer.get(f"/api/results/{leader.pk}/exits/")
        assert (answer.status_code, "predicts values" in answer.json()["detail"]) == (404, True)

    def test_without_samples_of_them_too(self, leader: TrainingResult, viewer: APIClient) -> None:
        for part in parts(leader):
            outcome = builders.outcome(exit=Exit(scores=Scores.LOGITS, classes=10))
            assert transitions.mark_finished(part.pk, Finish(attempt=1, outcome=outcome))
        assert "has no samples of its exits" in viewer.get(f"/api/results/{leader.pk}/exits/").json()["detail"]

    def test_its_cards_say_what_all_were_trained_with(self, leader: TrainingResult, viewer: APIClient) -> None:
        builders.finish_chain(leader)
        for result in parts(leader):
            card = viewer.get(f"/api/results/{result.pk}/versions/1/card/").json()
            assert card["training"]["chain"]["optimizer"] == "adam"
            assert card["version"]["outcome"]["exit"]["classes"] == 10
