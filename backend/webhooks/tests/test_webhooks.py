"""Webhooks: registered by administrators, called with real requests, signed, tried again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

import orjson
import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from backend.accounts.models import AuditEntry, Role
from backend.api.addresses import AddressRefused
from backend.api.tests import builders
from backend.webhooks import sending
from backend.webhooks.models import Delivery, Webhook
from backend.webhooks.sending import send_due
from backend.webhooks.signing import is_secret, new_secret, signature_headers
from backend.webhooks.targets import check_target
from tests.dripping import dripping_server
from tests.local_server import Answer, LocalServer

pytestmark = pytest.mark.django_db

URL = "/api/webhooks/"


class Receiver(LocalServer):
    """Keeps what it receives; answers ``status``."""

    def __init__(self) -> None:
        super().__init__()
        self.status = 204
        self.headers: dict[str, str] = {}
        self.told: list[tuple[Mapping[str, str], bytes]] = []

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        assert (method, path) == ("POST", "/told?by=kafka-ml")
        self.told.append((headers, body))
        return Answer(self.status, b"", self.headers)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


@pytest.fixture
def admin() -> APIClient:
    client = APIClient(headers={"host": "localhost"})
    client.force_authenticate(builders.make_user(Role.ADMIN))
    return client


@pytest.fixture
def reported(receiver: Receiver, admin: APIClient, configure: Callable[..., None]) -> dict[str, object]:
    """A webhook that leads to the receiver, as it was shown when it was entered."""
    configure(webhook_hosts="127.0.0.1")
    url = f"{receiver.url}/told?by=kafka-ml"
    answer = admin.post(URL, {"url": url, "events": ["version.promoted"]}, format="json")
    assert answer.status_code == 201, answer.content
    shown: dict[str, object] = answer.json()
    return shown


def shown(admin: APIClient, webhook: dict[str, object]) -> dict[str, object]:
    found: dict[str, object] = admin.get(f"{URL}{webhook['id']}/").json()
    return found


def due_now() -> None:
    Delivery.objects.filter(due_at__isnull=False).update(due_at=timezone.now() - timedelta(seconds=1))


def test_a_promotion_is_reported_and_signed(reported: dict[str, object], receiver: Receiver, admin: APIClient) -> None:
    result = builders.make_finished()
    assert send_due() == 1
    ((headers, body),) = receiver.told
    document = orjson.loads(body)
    assert (document["type"], document["data"]["result"], document["data"]["version"]) == (
        "version.promoted",
        result.pk,
        1,
    )
    assert headers["webhook-id"] == document["data"]["id"]
    assert headers["host"] == receiver.url.removeprefix("http://")
    # Computed here once more, as a receiver does.
    key = base64.b64decode(str(reported["secret"]).removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    now = shown(admin, reported)
    assert (now["waiting"], now["error"], now["delivered_at"] is not None) == (0, "", True)
    assert send_due() == 0


def test_another_secret_signs_from_then_on_and_is_shown_once(
    reported: dict[str, object], receiver: Receiver, admin: APIClient
) -> None:
    answer = admin.post(f"{URL}{reported['id']}/new_secret/").json()
    assert is_secret(answer["secret"])
    assert answer["secret"] != reported["secret"]
    assert "secret" not in shown(admin, reported)
    admin.post(f"{URL}{reported['id']}/ping/")
    send_due()
    ((headers, body),) = receiver.told
    seconds = int(headers["webhook-timestamp"])
    expected = signature_headers(answer["secret"], headers["webhook-id"], seconds, body)
    assert headers["webhook-signature"] == expected["webhook-signature"]


def test_the_signature_is_that_of_the_specification() -> None:
    # The example of https://github.com/standard-webhooks/standard-webhooks, also of its libraries' tests.
    headers = signature_headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_fails_is_tried_again_with_the_same_id_and_then_given_up(
    reported: dict[str, object], receiver: Receiver, admin: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MAX_TRIES", 3)
    receiver.status = 503
    builders.make_finished()
    pauses = []
    for _ in range(2):
        send_due()
        due = Delivery.objects.get().due_at
        assert due is not None
        pauses.append(round((due - timezone.now()).total_seconds()))
        assert send_due() == 0
        due_now()
    assert pauses == [5, 10]
    now = shown(admin, reported)
    assert (now["waiting"], now["error"]) == (1, "it answered 503: expected 2xx")
    send_due()
    assert len({headers["webhook-id"] for headers, _ in receiver.told}) == 1
    now = shown(admin, reported)
    assert (now["waiting"], now["error"]) == (0, "given up after 3 tries: it answered 503: expected 2xx")


def test_a_receiver_that_drips_is_left(
    reported: dict[str, object], admin: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_WHOLE_SECONDS", 0.5)
    with dripping_server(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n") as url:
        Webhook.objects.update(url=url)
        builders.make_finished()
        send_due()
    assert shown(admin, reported)["error"] == "ReadTimeout: no whole answer within 0.5 s"


def test_a_receiver_that_is_unreachable_is_reported_later(
    reported: dict[str, object], receiver: Receiver, admin: APIClient
) -> None:
    receiver.stop()
    builders.make_finished()
    send_due()
    assert "ConnectError" in str(shown(admin, reported)["error"])
    receiver.start()
    due_now()
    assert send_due() == 1
    assert (len(receiver.told), shown(admin, reported)["error"]) == (1, "")


def test_no_redirect_is_followed(reported: dict[str, object], receiver: Receiver, admin: APIClient) -> None:
    receiver.status, receiver.headers = 307, {"Location": receiver.url + "/elsewhere"}
    assert admin.post(f"{URL}{reported['id']}/ping/").status_code == 202
    send_due()
    assert (len(receiver.told), shown(admin, reported)["error"]) == (1, "it answered 307: expected 2xx")
    assert orjson.loads(receiver.told[0][1])["type"] == "ping"


def test_a_target_that_is_not_allowed_any_more_is_not_reported(
    reported: dict[str, object], receiver: Receiver, admin: APIClient, configure: Callable[..., None]
) -> None:
    builders.make_finished()
    configure(webhook_hosts="")
    send_due()
    assert receiver.told == []
    assert "KML_WEBHOOK_HOSTS" in str(shown(admin, reported)["error"])


@pytest.mark.parametrize(
    ("hosts", "url", "resolves_to", "refused"),
    [
        ("", "https://example.org/a", "93.184.216.34", "names no host"),
        ("other.org", "https://example.org/a", "93.184.216.34", "names other.org"),
        ("*", "https://example.org/a", "10.0.0.8", "address inside"),
        ("*", "https://[::ffff:10.0.0.8]/a", "::ffff:10.0.0.8", "address inside"),
        ("*", "http://example.org/a", "93.184.216.34", "expected https"),
        ("*", "https://example.org@10.0.0.8/a", "10.0.0.8", "is not an address"),
        ("*", "ftp://example.org/a", "93.184.216.34", "is not an address"),
        ("*", "https://example.org/a#b", "93.184.216.34", "is not an address"),
        ("*", "https://example.org:99999/a", "93.184.216.34", "no port from 1 to 65535"),
    ],
)
def test_only_allowed_targets_are_entered(
    hosts: str,
    url: str,
    resolves_to: str,
    refused: str,
    admin: APIClient,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, port, **_: [(2, 1, 6, "", (resolves_to, port))])
    configure(webhook_hosts=hosts)
    answer = admin.post(URL, {"url": url, "events": ["version.promoted"]}, format="json")
    assert (answer.status_code, Webhook.objects.count()) == (400, 0)
    assert refused in answer.json()["errors"][0]["detail"]


def test_any_outside_is_connected_to_where_its_name_led_when_it_was_checked(
    configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, port, **_: [(2, 1, 6, "", ("93.184.216.34", port))])
    configure(webhook_hosts="*")
    assert check_target("https://example.org/a") == "93.184.216.34"
    configure(webhook_hosts="example.org:8443")
    assert check_target("http://example.org:8443/a") == "example.org"
    with pytest.raises(AddressRefused):
        check_target("https://example.org/a")


def test_a_secret_comes_in_and_is_shown_once(reported: dict[str, object], admin: APIClient) -> None:
    secret = str(reported["secret"])
    assert is_secret(secret)
    answers = [admin.get(URL), admin.get(f"{URL}{reported['id']}/"), admin.get("/api/audit/")]
    assert all(secret not in answer.content.decode() for answer in answers)
    weak = admin.patch(f"{URL}{reported['id']}/", {"secret": "whsec_c2hvcnQ="}, format="json")
    assert (weak.status_code, "c2hvcnQ" in weak.content.decode()) == (400, False)
    moved = admin.patch(f"{URL}{reported['id']}/", {"url": "http://127.0.0.1:9/told"}, format="json")
    assert (moved.status_code, moved.json()["errors"][0]["field"]) == (400, "secret")
    body = {"url": "http://127.0.0.1:9/told", "secret": new_secret()}
    assert admin.patch(f"{URL}{reported['id']}/", body, format="json").status_code == 200
    assert AuditEntry.objects.filter(object_type="webhook", detail__contains="secret").count() == 1


def test_one_that_is_switched_off_or_deleted_gets_nothing(
    reported: dict[str, object], receiver: Receiver, admin: APIClient, django_capture_on_commit_callbacks
) -> None:
    builders.make_finished()
    assert admin.patch(f"{URL}{reported['id']}/", {"enabled": False}, format="json").json()["waiting"] == 0
    builders.make_finished()
    assert (send_due(), receiver.told) == (0, [])
    with django_capture_on_commit_callbacks(execute=True):
        assert admin.delete(f"{URL}{reported['id']}/").status_code == 204
    assert not sending.secrets.read(int(str(reported["id"])))
