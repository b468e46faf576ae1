"""The job API: plans out, reports and artifacts in. Every request may be repeated."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import BinaryIO, cast

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.audit import record
from backend.accounts.authentication import JobTokenAuthentication, RenewalAuthentication, ServiceTokenAuthentication
from backend.accounts.permissions import JobPermission, ServicePermission
from backend.api import job_tokens
from backend.api.actors import actor_of
from backend.api.errors import InvalidField, NotFound, StaleAttempt
from backend.api.files import attachment
from backend.api.job_tokens import JobToken
from backend.api.views import integer_parameter
from backend.config.environment import environment
from backend.deployments import checkpoints, storage
from backend.deployments import transitions as training
from backend.deployments.plans import training_plan
from backend.deployments.versions import artifacts_of, version_of
from backend.inferences import transitions as inferences
from backend.inferences import workers
from backend.inferences.models import WorkerToken
from backend.inferences.plans import inference_plan
from backend.jobs import access
from backend.jobs.messages import parse
from backend.jobs.worker_authentication import WorkerPermission, WorkerTokenAuthentication
from backend.launchers.names import RunKind
from backend.streams import selectors as stream_selectors
from backend.streams import services as streams
from backend.streams.serializers import AnnouncementWriteSerializer, stream_note
from kafkaml.artifacts import is_checkpoint
from kafkaml.wire.framework import Framework
from kafkaml.wire.inference import InferencePlan, Wanted
from kafkaml.wire.receipt import Announced, FreshToken, Numbered, Stored
from kafkaml.wire.report import Events, Fail, Finish, NewVersion, Saved, Stats
from kafkaml.wire.training import TrainingPlan
from kafkaml.wire.worker import BrokerAccess, Join, WorkerJob

__all__ = [
    "AnnouncementView",
    "InferenceArtifactView",
    "InferencePlanView",
    "JobTokenView",
    "StatsView",
    "TrainingArtifactView",
    "TrainingCheckpointView",
    "TrainingEventsView",
    "TrainingFailView",
    "TrainingFinishView",
    "TrainingPlanView",
    "TrainingVersionView",
    "WorkerView",
]

_ATTEMPT = OpenApiParameter("attempt", int, description="Number of the attempt. By default the one of the token.")


class JobView(APIView):
    """Base of the views that only a job's token may call."""

    problems = {409: "A newer attempt of the run exists, or the run has ended. The worker has to end."}
    authentication_classes = [JobTokenAuthentication]
    permission_classes = [JobPermission]


class TrainingPlanView(JobView):
    """Answers what a training run has to do."""

    @extend_schema(
        parameters=[_ATTEMPT],
        responses={
            200: TrainingPlan,
            409: OpenApiResponse(
                description="A newer attempt exists, the run has ended, or its deployment has no stream yet."
            ),
        },
    )
    def get(self, request: Request, pk: int) -> Response:
        """Get the plan of a training run."""
        result = access.current_result(request, pk, access.query_attempt(request))
        return Response(training_plan(result).to_json())


class TrainingEventsView(JobView):
    """Takes the progress and metrics that a training run reports."""

    @extend_schema(
        request=Events,
        responses={
            200: None,
        },
    )
    def post(self, request: Request, pk: int) -> Response:
        """Report progress and metrics of a training run."""
        message = parse(Events, request.data)
        access.current_part(request, pk, message.attempt)
        training.store_events(pk, message.attempt, message.events)
        return Response({})


class TrainingCheckpointView(JobView):
    """Takes the report of a checkpoint, whose file was uploaded before."""

    @extend_schema(
        request=Saved,
        responses={
            200: None,
        },
    )
    def post(self, request: Request, pk: int) -> Response:
        """Report a checkpoint.

        Its file has to be uploaded before. Another attempt continues from it.
        """
        message = parse(Saved, request.data)
        access.token_for(request, RunKind.TRAINING, pk, message.attempt)
        checkpoints.save(pk, message.attempt, message.checkpoint)
        return Response({})


class TrainingFinishView(JobView):
    """Takes the report of a successful end. In a chain the top sub-model comes last and ends the run."""

    @extend_schema(
        request=Finish,
        responses={
            200: None,
        },
    )
    def post(self, request: Request, pk: int) -> Response:
        """Report that a training run ended successfully.

        The lower sub-models of a chain are reported before the highest one. The report of the highest one ends the run.
        """
        message = parse(Finish, request.data)
        access.current_part(request, pk, message.attempt, ended=True)
        if not training.mark_finished(pk, message):
            raise StaleAttempt(f"attempt {message.attempt} of result {pk} has ended otherwise")
        record(actor_of(request), "finish", object_type="trainingresult", object_id=pk)
        return Response({})


class TrainingFailView(JobView):
    """Takes the report of a failure. The run is tried again after a pause if a restart may fix it."""

    @extend_schema(
        request=Fail,
        responses={
            200: None,
        },
    )
    def post(self, request: Request, pk: int) -> Response:
        """Report that a training run failed.

        The platform repeats the run after a pause if that may help.
        """
        message = parse(Fail, request.data)
        access.current_result(request, pk, message.attempt, ended=True)
        if not training.report_failure(pk, message.attempt, message.failure, outcome=message.outcome):
            raise StaleAttempt(f"attempt {message.attempt} of result {pk} has ended otherwise")
        record(
            actor_of(request), "fail", object_type="trainingresult", object_id=pk, detail=str(message.failure.category)
        )
        return Response({})


class TrainingVersionView(JobView):
    """Takes the report of a version that is complete while its training goes on."""

    @extend_schema(
        request=NewVersion,
        responses={
            200: Numbered,
        },
    )
    def post(self, request: Request, pk: int) -> Response:
        """Report a version while the training continues.

        Its files have to be uploaded before. A second report for the same step gets the same number.
        """
        message = parse(NewVersion, request.data)
        access.current_part(request, pk, message.attempt)
        number = training.store_version(pk, message)
        record(actor_of(request), "new version", object_type="trainingresult", object_id=pk, detail=str(number))
        return Response(Numbered(number=number).to_json())


class BytesParser(BaseParser):
    """Leaves the body unread, because the view reads it piece by piece."""

    media_type = "*/*"


class TrainingArtifactView(JobView):
    """Receives trained models and checkpoints, in pieces that can be sent again, and sends checkpoints back."""

    parser_classes = [BytesParser]

    @extend_schema(
        parameters=[_ATTEMPT],
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request, pk: int, name: str) -> HttpResponseBase:
        """Download a file of the present attempt, or the last checkpoint."""
        result = access.current_result(request, pk, access.query_attempt(request))
        artifact = checkpoints.artifact_to_go_on_with(result, name)
        return attachment(request, storage.fetch(artifact), name, sha256=artifact.sha256)

    @extend_schema(parameters=[_ATTEMPT], request=None, responses={200: None})
    def head(self, request: Request, pk: int, name: str) -> HttpResponse:
        """Show in ``X-Bytes-Received`` how many bytes of a file have arrived.

        404 means that none have.
        """
        result = access.current_part(request, pk, access.query_attempt(request))
        received = storage.bytes_received(result, name, request.headers.get("X-Content-SHA256", ""))
        if received is None:
            raise NotFound(f"nothing of {name} has arrived")
        return HttpResponse(status=200, headers={"X-Bytes-Received": str(received)})

    @extend_schema(
        parameters=[
            _ATTEMPT,
            OpenApiParameter(
                "X-Content-SHA256", str, OpenApiParameter.HEADER, description="SHA-256 of the whole file."
            ),
            OpenApiParameter(
                "Content-Range", str, OpenApiParameter.HEADER, description="Place of the piece: bytes first-last/total."
            ),
        ],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={
            200: OpenApiResponse(Stored, description="The file was complete before."),
            201: OpenApiResponse(Stored, description="The file is complete now."),
            202: OpenApiResponse(Stored, description="The piece was stored. Others are missing."),
            409: OpenApiResponse(
                description="A newer attempt exists, the run has ended, or the file is stored with another hash."
            ),
            416: OpenApiResponse(description="The piece does not continue where the stored part ends."),
        },
    )
    def put(self, request: Request, pk: int, name: str) -> Response:
        """Upload a piece of a file."""
        result = access.current_part(request, pk, access.query_attempt(request))
        sha256 = request.headers.get("X-Content-SHA256", "")
        place = storage.ContentRange.parse(request.headers.get("Content-Range", ""))
        content = cast(BinaryIO, request._request)
        artifact, new = storage.receive(result, name, sha256, place, content)
        if artifact is None:
            return Response(Stored(sha256=sha256).to_json(), status=202)
        if new and not is_checkpoint(name):
            record(actor_of(request), "upload", artifact, after=sha256, detail=name)
        return Response(Stored(sha256=sha256).to_json(), status=201 if new else 200)


class InferencePlanView(JobView):
    """Answers what the replicas of an inference have to do."""

    @extend_schema(
        parameters=[_ATTEMPT],
        responses={
            200: InferencePlan,
        },
    )
    def get(self, request: Request, pk: int) -> Response:
        """Get the plan of an inference."""
        inference = access.current_inference(request, pk, access.query_attempt(request))
        return Response(inference_plan(inference).to_json())


class InferenceArtifactView(JobView):
    """Sends a replica the files of the trained model that it serves."""

    @extend_schema(
        parameters=[
            _ATTEMPT,
            OpenApiParameter("version", int, description="Number of the version. By default the one to serve now."),
        ],
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request, pk: int, name: str) -> HttpResponseBase:
        """Download a file of the version that is to be served."""
        inference = access.current_inference(request, pk, access.query_attempt(request))
        number = integer_parameter(request, "version", default=inference.served.number, minimum=1)
        version = version_of(inference.result, number)
        artifact = artifacts_of(version).filter(name=name).first()
        if artifact is None:
            raise NotFound(f"{version} has no artifact {name!r}")
        return attachment(request, storage.fetch(artifact), name, sha256=artifact.sha256)


class StatsView(JobView):
    """Takes the state and the counts that a replica reports."""

    @extend_schema(
        request=Stats,
        responses={
            200: Wanted,
        },
    )
    def post(self, request: Request, pk: int) -> Response:
        """Report the state and the counts of a replica."""
        message = parse(Stats, request.data)
        worker = access.current_worker(request, pk, message.attempt)
        return Response(Wanted(revision=inferences.store_stats(pk, message, worker)).to_json())


class JobTokenView(JobView):
    """Renews a job's token as long as its attempt is the present one."""

    authentication_classes = [RenewalAuthentication]

    @extend_schema(
        request=None,
        responses={
            200: FreshToken,
        },
    )
    def post(self, request: Request) -> Response:
        """Get a new job token for one that is about to expire."""
        token = request.auth
        assert isinstance(token, JobToken)
        access.current_run(token)
        fresh = job_tokens.mint(token.kind, token.id, token.attempt, worker=token.worker, session=token.session)
        return Response(FreshToken(token=fresh, expires_at=_expiry(fresh)).to_json())


class WorkerView(APIView):
    """A machine elsewhere exchanges its worker token for a job of the inference that the token is for."""

    authentication_classes = [WorkerTokenAuthentication]
    permission_classes = [WorkerPermission]

    @extend_schema(
        request=Join,
        responses={
            200: WorkerJob,
            409: OpenApiResponse(
                description="The inference does not run, or its workers are too many or have this name already."
            ),
            425: OpenApiResponse(
                description="The inference is starting. ``Retry-After`` says when to try again, in seconds."
            ),
        },
    )
    def post(self, request: Request) -> Response:
        """Join an inference as an external worker.

        The answer has a job token for a short time. With ``again``, a worker that has joined gets a new one. 425 means
        that the inference is still starting.
        """
        message = parse(Join, request.data)
        token = request.auth
        assert isinstance(token, WorkerToken)
        inference, worker = workers.join(token, message, address=actor_of(request).address)
        fresh = job_tokens.mint(
            RunKind.INFERENCE, inference.pk, inference.attempt, worker=worker.pk, session=worker.session
        )
        settings = environment()
        job = WorkerJob(
            inference=inference.pk,
            attempt=inference.attempt,
            framework=Framework(inference.result.model.framework),
            replica=worker.number,
            token=fresh,
            expires_at=_expiry(fresh),
            kafka=BrokerAccess(
                bootstrap_servers=settings.sink_bootstrap_servers or settings.kafka.bootstrap_servers,
                security_protocol=settings.kafka.security_protocol,
                sasl_mechanism=settings.kafka.sasl_mechanism,
            ),
        )
        return Response(job.to_json())


def _expiry(token: str) -> datetime:
    return datetime.fromtimestamp(job_tokens.read(token).expires_at, tz=UTC)


class AnnouncementView(APIView):
    """Takes records of the control topic from the control logger."""

    authentication_classes = [ServiceTokenAuthentication]
    permission_classes = [ServicePermission]

    @extend_schema(
        request=AnnouncementWriteSerializer,
        responses={
            201: OpenApiResponse(Announced, description="The announcement was registered."),
            200: OpenApiResponse(Announced, description="The announcement was registered before."),
            422: OpenApiResponse(description="The record is not an announcement."),
        },
    )
    def post(self, request: Request) -> Response:
        """Register a record of the control topic.

        422 means that the record is not an announcement.
        """
        serializer = AnnouncementWriteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        key, value = (_decoded(name, values.pop(name)) for name in ("key", "value"))
        announcement, new = streams.register(**values, key=key, value=value)
        note = stream_note(stream_selectors.streams().get(pk=announcement.pk))
        answer = Announced(id=announcement.pk, deployment=announcement.deployment_number, note=note)
        return Response(answer.to_json(), status=201 if new else 200)


def _decoded(name: str, text: str | None) -> bytes | None:
    try:
        return None if text is None else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidField(name, f"{name} is not base64: {error}") from error
