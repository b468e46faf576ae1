"""The job API: plans out, reports and artifacts in. Every request may be repeated."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import BinaryIO, cast

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
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

_ATTEMPT = OpenApiParameter("attempt", int, description="the job's own attempt")


class JobView(APIView):
    """Base: a job's token, and nothing else, opens it."""

    authentication_classes = [JobTokenAuthentication]
    permission_classes = [JobPermission]


class TrainingPlanView(JobView):
    """What a training run does."""

    @extend_schema(parameters=[_ATTEMPT], responses=TrainingPlan)
    def get(self, request: Request, pk: int) -> Response:
        result = access.current_result(request, pk, access.query_attempt(request))
        return Response(training_plan(result).to_json())


class TrainingEventsView(JobView):
    """Metrics, as they come."""

    @extend_schema(request=Events, responses={200: None})
    def post(self, request: Request, pk: int) -> Response:
        message = parse(Events, request.data)
        access.current_part(request, pk, message.attempt)
        training.store_events(pk, message.attempt, message.events)
        return Response({})


class TrainingCheckpointView(JobView):
    """A place from which another attempt goes on; its file was uploaded before."""

    @extend_schema(request=Saved, responses={200: None})
    def post(self, request: Request, pk: int) -> Response:
        message = parse(Saved, request.data)
        access.token_for(request, RunKind.TRAINING, pk, message.attempt)
        checkpoints.save(pk, message.attempt, message.checkpoint)
        return Response({})


class TrainingFinishView(JobView):
    """The good end; that of a chain's top is the end of all its sub-models, which are reported before."""

    @extend_schema(request=Finish, responses={200: None})
    def post(self, request: Request, pk: int) -> Response:
        message = parse(Finish, request.data)
        access.current_part(request, pk, message.attempt, ended=True)
        if not training.mark_finished(pk, message):
            raise StaleAttempt(f"attempt {message.attempt} of result {pk} has ended otherwise")
        record(actor_of(request), "finish", object_type="trainingresult", object_id=pk)
        return Response({})


class TrainingFailView(JobView):
    """The bad end; a failure that a restart may fix is tried again after a pause."""

    @extend_schema(request=Fail, responses={200: None})
    def post(self, request: Request, pk: int) -> Response:
        message = parse(Fail, request.data)
        access.current_result(request, pk, message.attempt, ended=True)
        if not training.report_failure(pk, message.attempt, message.failure, outcome=message.outcome):
            raise StaleAttempt(f"attempt {message.attempt} of result {pk} has ended otherwise")
        record(
            actor_of(request), "fail", object_type="trainingresult", object_id=pk, detail=str(message.failure.category)
        )
        return Response({})


class TrainingVersionView(JobView):
    """A version that is complete while its training goes on."""

    @extend_schema(request=NewVersion, responses=Numbered)
    def post(self, request: Request, pk: int) -> Response:
        """Number a version whose files are uploaded; a repeated report for the same step gives the same number."""
        message = parse(NewVersion, request.data)
        access.current_part(request, pk, message.attempt)
        number = training.store_version(pk, message)
        record(actor_of(request), "new version", object_type="trainingresult", object_id=pk, detail=str(number))
        return Response(Numbered(number=number).to_json())


class BytesParser(BaseParser):
    """Leaves the body alone, because the view reads it piece by piece."""

    media_type = "*/*"


class TrainingArtifactView(JobView):
    """A trained model or a checkpoint on its way here, in pieces that can be sent again; a checkpoint's way back."""

    parser_classes = [BytesParser]

    @extend_schema(parameters=[_ATTEMPT], responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int, name: str) -> HttpResponseBase:
        """Send a file of the present attempt, or the checkpoint that an earlier attempt left."""
        result = access.current_result(request, pk, access.query_attempt(request))
        artifact = checkpoints.artifact_to_go_on_with(result, name)
        return attachment(request, storage.fetch(artifact), name, sha256=artifact.sha256)

    @extend_schema(parameters=[_ATTEMPT], request=None, responses={200: None})
    def head(self, request: Request, pk: int, name: str) -> HttpResponse:
        """Tell in ``X-Bytes-Received`` how much is here; 404 when nothing is."""
        result = access.current_part(request, pk, access.query_attempt(request))
        received = storage.bytes_received(result, name, request.headers.get("X-Content-SHA256", ""))
        if received is None:
            raise NotFound(f"nothing of {name} has arrived")
        return HttpResponse(status=200, headers={"X-Bytes-Received": str(received)})

    @extend_schema(
        parameters=[
            _ATTEMPT,
            OpenApiParameter("X-Content-SHA256", str, OpenApiParameter.HEADER, description="of the whole file"),
            OpenApiParameter("Content-Range", str, OpenApiParameter.HEADER, description="bytes first-last/total"),
        ],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={200: Stored, 201: Stored, 202: Stored},
    )
    def put(self, request: Request, pk: int, name: str) -> Response:
        """Store one piece: 202 until the last one, 201 when the file is complete, 200 when it was before."""
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
    """What the replicas of an inference do."""

    @extend_schema(parameters=[_ATTEMPT], responses=InferencePlan)
    def get(self, request: Request, pk: int) -> Response:
        inference = access.current_inference(request, pk, access.query_attempt(request))
        return Response(inference_plan(inference).to_json())


class InferenceArtifactView(JobView):
    """A trained model on its way to a replica."""

    @extend_schema(
        parameters=[_ATTEMPT, OpenApiParameter("version", int, description="of its result; the one to serve now")],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pk: int, name: str) -> HttpResponseBase:
        inference = access.current_inference(request, pk, access.query_attempt(request))
        number = integer_parameter(request, "version", default=inference.served.number, minimum=1)
        version = version_of(inference.result, number)
        artifact = artifacts_of(version).filter(name=name).first()
        if artifact is None:
            raise NotFound(f"{version} has no artifact {name!r}")
        return attachment(request, storage.fetch(artifact), name, sha256=artifact.sha256)


class StatsView(JobView):
    """What a replica says of itself."""

    @extend_schema(request=Stats, responses=Wanted)
    def post(self, request: Request, pk: int) -> Response:
        message = parse(Stats, request.data)
        worker = access.current_worker(request, pk, message.attempt)
        return Response(Wanted(revision=inferences.store_stats(pk, message, worker)).to_json())


class JobTokenView(JobView):
    """A fresh token for the old one, while its attempt is the present one."""

    authentication_classes = [RenewalAuthentication]

    @extend_schema(request=None, responses=FreshToken)
    def post(self, request: Request) -> Response:
        token = request.auth
        assert isinstance(token, JobToken)
        access.current_run(token)
        fresh = job_tokens.mint(token.kind, token.id, token.attempt, worker=token.worker, session=token.session)
        return Response(FreshToken(token=fresh, expires_at=_expiry(fresh)).to_json())


class WorkerView(APIView):
    """A machine elsewhere exchanges its worker token for a job of the inference that the token is for."""

    authentication_classes = [WorkerTokenAuthentication]
    permission_classes = [WorkerPermission]

    @extend_schema(request=Join, responses=WorkerJob)
    def post(self, request: Request) -> Response:
        """Join, or with ``again`` get a fresh job token; 425 while the inference starts, 409 when it does not run."""
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
    """Records of the control topic, from the control logger."""

    authentication_classes = [ServiceTokenAuthentication]
    permission_classes = [ServicePermission]

    @extend_schema(request=AnnouncementWriteSerializer, responses={201: Announced, 200: Announced})
    def post(self, request: Request) -> Response:
        """Register an announcement: 201 new, 200 known already, 422 not an announcement."""
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
