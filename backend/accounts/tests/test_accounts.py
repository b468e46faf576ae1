"""Signing in, users, tokens, the audit trail."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from backend.accounts import services
from backend.accounts.audit import record
from backend.accounts.models import AccessToken, AuditEntry, LoginLink, Role, User
from backend.accounts.views import LoginThrottle
from backend.api.actors import SYSTEM, Actor
from backend.api.tests import builders

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def browser() -> Client:
    return Client(enforce_csrf_checks=True, headers={"host": "localhost"})


def csrf(browser: Client) -> dict[str, str]:
    return {"x-csrftoken": browser.get("/api/session/").json()["csrf_token"]}


def sign_in(browser: Client, username: str, password: str = PASSWORD):
    body = {"username": username, "password": password}
    return browser.post("/api/login/", body, content_type="application/json", headers=csrf(browser))


@pytest.fixture
def editor_account() -> User:
    return services.create_user(actor=SYSTEM, username="eve", role=Role.EDITOR, password=PASSWORD)


@pytest.fixture
def one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """All guesses fall into the minute that the throttle looks at, however long their hashes take."""
    monkeypatch.setattr(LoginThrottle, "timer", lambda _self: 1_000_000.0)


def test_a_local_start_prints_a_link_that_works_once(browser: Client) -> None:
    output = StringIO()
    call_command("login_link", stdout=output)
    path = output.getvalue().strip().removeprefix("http://127.0.0.1:8000")
    assert path.startswith("/login/")
    answer = browser.get(path)
    assert (answer.status_code, answer.headers["location"]) == (302, "/")
    assert browser.get("/api/session/").json()["user"]["role"] == "admin"
    second = Client(headers={"host": "localhost"})
    assert second.get(path).status_code == 401
    assert second.get("/api/session/").json()["user"] is None


def test_a_used_link_takes_a_user_to_the_page_and_tells_a_program(browser: Client) -> None:
    path = f"/login/{services.create_login_link(services.ensure_admin())}"
    assert browser.get(path, headers={"accept": "text/html,*/*;q=0.8"}).headers["location"] == "/"
    again = browser.get(path, headers={"accept": "text/html,*/*;q=0.8"})
    assert (again.status_code, again.headers["location"]) == (302, "/?link=used")
    program = Client(headers={"host": "localhost"}).get(path, headers={"accept": "*/*"})
    assert (program.status_code, program.headers["content-type"]) == (401, "application/problem+json")


def test_links_are_stored_as_hashes_and_expire(browser: Client) -> None:
    text = services.create_login_link(services.ensure_admin())
    assert text not in str(list(LoginLink.objects.values()))
    LoginLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert browser.get(f"/login/{text}").status_code == 401
    # It was used up by the try.
    assert not LoginLink.objects.exists()


def test_the_first_admin_is_made_once() -> None:
    assert services.ensure_admin() == services.ensure_admin()
    with pytest.raises(CommandError):
        call_command("login_link", user="nobody")


def test_a_password_signs_in_and_out(browser: Client, editor_account: User) -> None:
    answer = sign_in(browser, "eve")
    assert (answer.status_code, answer.json()["user"]["username"]) == (200, "eve")
    cookie = next(cookie for name, cookie in browser.cookies.items() if "session" in name)
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert browser.get("/api/models/").status_code == 200
    assert browser.post("/api/logout/", content_type="application/json", headers=csrf(browser)).status_code == 204
    assert browser.get("/api/models/").status_code == 401


def test_writes_of_browsers_need_the_token_of_the_page(browser: Client, editor_account: User) -> None:
    sign_in(browser, "eve")
    stream = builders.make_stream()
    assert browser.post(f"/api/streams/{stream.pk}/send/", {}, content_type="application/json").status_code == 403
    answer = browser.post(f"/api/streams/{stream.pk}/send/", {}, content_type="application/json", headers=csrf(browser))
    assert answer.status_code == 400
    bare = Client(enforce_csrf_checks=True, headers={"host": "localhost"})
    body = {"username": "eve", "password": PASSWORD}
    assert bare.post("/api/login/", body, content_type="application/json").status_code == 403


@pytest.mark.usefixtures("one_minute")
def test_a_forged_address_does_not_buy_more_guesses(browser: Client, editor_account: User) -> None:
    def guess(number: int) -> int:
        headers = {**csrf(browser), "x-forwarded-for": f"192.0.2.{number}"}
        body = {"username": "eve", "password": f"guess {number}"}
        return browser.post("/api/login/", body, content_type="application/json", headers=headers).status_code

    assert [guess(number) for number in range(22)][-1] == 429


@pytest.mark.usefixtures("one_minute")
def test_guessing_is_slowed_down_and_recorded(browser: Client, editor_account: User) -> None:
    statuses = [sign_in(browser, "eve", f"guess {i}").status_code for i in range(22)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert AuditEntry.objects.filter(action="login", result="denied", actor="eve").count() == statuses.count(401)
    # Another person of the same house is not locked out by that.
    assert sign_in(browser, "somebody").status_code == 401


def test_tokens_are_shown_once_and_stored_as_hashes(editor: APIClient) -> None:
    answer = editor.post("/api/tokens/", {"name": "ci", "days": 1})
    assert answer.status_code == 201
    text = answer.json()["token"]
    assert text not in str(list(AccessToken.objects.values()))
    script = APIClient(headers={"host": "localhost", "authorization": f"Bearer {text}"})
    assert script.get("/api/models/").status_code == 200
    assert "token" not in script.get("/api/tokens/").json()["results"][0]
    assert script.delete(f"/api/tokens/{answer.json()['id']}/").status_code == 204
    assert script.get("/api/models/").status_code == 401


def test_a_token_makes_none_stronger_than_itself(admin: APIClient) -> None:
    weak = admin.post("/api/tokens/", {"name": "weak", "role": "viewer"}).json()["token"]
    script = APIClient(headers={"host": "localhost", "authorization": f"Bearer {weak}"})
    answer = script.post("/api/tokens/", {"name": "strong", "role": "admin"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "role")
    assert script.get("/api/users/").status_code == 403


def test_a_lower_role_caps_tokens_at_once(admin: APIClient) -> None:
    user = builders.make_user(Role.EDITOR)
    _, text = services.create_token(actor=SYSTEM, user=user, name="x", role=Role.EDITOR, days=1)
    script = APIClient(headers={"host": "localhost", "authorization": f"Bearer {text}"})
    assert script.post("/api/configurations/", {}).status_code == 400
    assert admin.patch(f"/api/users/{user.pk}/", {"role": "viewer"}).status_code == 200
    assert script.post("/api/configurations/", {}).status_code == 403


def test_a_new_password_ends_sessions_and_tokens(admin: APIClient, browser: Client, editor_account: User) -> None:
    sign_in(browser, "eve")
    services.create_token(actor=SYSTEM, user=editor_account, name="x", role=Role.EDITOR, days=1)
    answer = admin.patch(f"/api/users/{editor_account.pk}/", {"password": "another long password"})
    assert answer.status_code == 200
    assert "password" not in answer.json()
    assert browser.get("/api/models/").status_code == 401
    assert not AccessToken.objects.exists()


def change_password(browser: Client, **body: str):
    return browser.post("/api/session/password/", body, content_type="application/json", headers=csrf(browser))


def test_a_user_changes_their_own_password(browser: Client, editor_account: User) -> None:
    sign_in(browser, "eve")
    elsewhere = Client(enforce_csrf_checks=True, headers={"host": "localhost"})
    sign_in(elsewhere, "eve")
    refused = change_password(browser, present="a guess", password="another long password")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "present")
    assert AuditEntry.objects.filter(actor="eve", action="change", result="denied").exists()
    weak = change_password(browser, present=PASSWORD, password="password")
    assert (weak.status_code, weak.json()["errors"][0]["field"]) == (400, "password")
    assert change_password(browser, present=PASSWORD, password="another long password").status_code == 200
    # This session stays, all others end.
    assert browser.get("/api/models/").status_code == 200
    assert elsewhere.get("/api/models/").status_code == 401
    assert AuditEntry.objects.filter(actor="eve", action="change", result="ok", detail="password").exists()


def test_who_came_by_link_sets_a_first_password(browser: Client) -> None:
    browser.get(f"/login/{services.create_login_link(services.ensure_admin())}")
    assert browser.get("/api/session/").json()["user"]["has_password"] is False
    answer = change_password(browser, present="", password="another long password")
    assert (answer.status_code, answer.json()["user"]["has_password"]) == (200, True)


def test_a_token_cannot_take_the_account(anonymous: APIClient, editor_account: User) -> None:
    _, text = services.create_token(actor=SYSTEM, user=editor_account, name="x", role=Role.EDITOR, days=1)
    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    answer = anonymous.post("/api/session/password/", {"present": PASSWORD, "password": "another long password"})
    assert answer.status_code == 409


def test_weak_passwords_and_taken_names_are_refused(admin: APIClient, editor_account: User) -> None:
    answer = admin.post("/api/users/", {"username": "new", "password": "password"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "password")
    answer = admin.post("/api/users/", {"username": "eve"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "username")


@pytest.mark.parametrize("change", [{"role": "viewer"}, {"is_active": False}, None])
def test_the_last_admin_stays(change: dict[str, object] | None, admin: APIClient) -> None:
    pk = User.objects.get(role=Role.ADMIN).pk
    path = f"/api/users/{pk}/"
    answer = admin.delete(path) if change is None else admin.patch(path, change)
    assert answer.status_code == 409
    builders.make_user(Role.ADMIN)
    answer = admin.delete(path) if change is None else admin.patch(path, change)
    assert answer.status_code in (200, 204)


def test_the_audit_trail_only_grows(admin: APIClient) -> None:
    admin.post("/api/users/", {"username": "new"})
    entry = AuditEntry.objects.get(action="create", object_type="user")
    assert (entry.actor, entry.address, entry.result) == ("a-admin", "127.0.0.1", "ok")
    with pytest.raises(TypeError):
        entry.save()
    with pytest.raises(TypeError):
        entry.delete()
    assert admin.delete(f"/api/audit/{entry.pk}/").status_code == 405
    rows = admin.get("/api/audit/", {"action": "create"}).json()["results"]
    assert rows[0]["object_id"] == entry.object_id


def test_the_audit_trail_without_programs_holds_what_people_did(admin: APIClient) -> None:
    for actor in ("job:training:7:1", "service", "system", "eve", "jobs"):
        record(Actor(actor), "change")
    rows = admin.get("/api/audit/", {"action": "change", "people": "true"}).json()["results"]
    assert [row["actor"] for row in rows] == ["jobs", "eve"]
    assert admin.get("/api/audit/", {"action": "change"}).json()["count"] == 5


def test_a_command_prints_a_token_for_scripts(anonymous: APIClient) -> None:
    output = StringIO()
    call_command("access_token", role="viewer", days=1, stdout=output)
    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {output.getvalue().strip()}")
    assert anonymous.get("/api/models/").status_code == 200
    assert anonymous.post("/api/configurations/", {}).status_code == 403
