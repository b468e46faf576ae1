"""``kafka-ml inferences`` and ``client.inferences`` against an API over real HTTP: which version is served."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest

from kafka_ml_cli.input_checks import lines_of
from kafkaml.errors import FailedError
from kafkaml.sdk import Client
from kafkaml.sdk.types import InputCheck
from tests.cli.test_cli import run_cli
from tests.local_server import Answer, LocalServer, json_answer

FAILURE = {"category": "user_code", "cause": "no such layer", "hint": "correct it"}
SWAP = {
    "replica": 0,
    "revision": 4,
    "from_version": 1,
    "version": 2,
    "at": "2026-01-01T00:00:00Z",
    "positions": {"in": {"0": 42}},
    "gap_seconds": 0.02,
    "loading_seconds": 1.5,
}


SIDE = {"labelled": 100, "correct": 90, "p50_ms": 1.5, "p99_ms": 3.0}
SWAPS = [
    SWAP,
    {**SWAP, "failure": FAILURE},
    {**SWAP, "version": 1, "challenger": 2},
    {**SWAP, "version": 1},
]
COMPARISON = {
    "records": 5000,
    "compared": 1000,
    "agreed": 990,
    "champion": {"version": 2, **SIDE},
    "challenger": {"version": 3, **SIDE, "correct": 95},
}


CHAIN = {
    "result": 4,
    "input_topic": "digits-in",
    "output_topic": "digits-out",
    "tiers": [
        {
            "result": 3,
            "model": 2,
            "model_name": "edge",
            "input_topic": "digits-in",
            "upper_topic": "digits-cloud",
            "limit": 0.8,
        },
        {"result": 4, "model": 1, "model_name": "cloud", "input_topic": "digits-cloud"},
    ],
}


STEP = {"at": "2026-01-01T10:00:00Z", "attempt": 2, "revision": 1, "rate": 1234.56, "predicted": 740736}
STEPS = [{**STEP, "dead_lettered": 4, "lag": 17, "p50_ms": 2.5, "confidence": 0.934}, {**STEP, "dead_lettered": 0}]
REASON = {"stage": "decode", "error": "DecodeError", "message": "not numbers of one shape"}
LETTERS = {
    "topic": "out.dlq",
    "letters": 5020,
    "complete": False,
    "groups": [{"reason": REASON, "count": 5020, "sample": {"record": {"partition": 0, "offset": 41}}}],
    "rest": 0,
}


DECODED = {"text": '{"load": 1}', "sample": None, "error": {"message": "null in temp", "hint": ""}}
RECORD = {"partition": 0, "offset": 41, "decoded": DECODED}
CHECK = {"topic": "machines", "verdict": "readable", "input_format": "JSON", "record": RECORD, "reason": None}
MISFIT = {"stage": "decode", "error": "DecodeError", "message": "null in temp", "hint": "send it"}
DELETIONS = [
    {"id": 7, "name": "in -> out", "losses": ["its logs and numbers"], "careful": False, "obstacle": None},
    {
        "id": 8,
        "name": "in -> up",
        "losses": [],
        "careful": False,
        "obstacle": {
            "detail": "inference 8 is running",
            "hint": "stop it first",
            "users": [{"type": "replicas", "id": 8, "name": "2 replicas"}],
        },
    },
]


class Platform(LocalServer):
    """An API with one inference, whose replica switches after ``looks`` requests, or fails to."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, Any]] = []
        self.looks = 1
        self.failure: dict[str, Any] | None = None
        self.changelog = ""
        self.failing: dict[str, Any] | None = None
        self.check: dict[str, Any] = {}

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        path = path.partition("?")[0]
        if path == "/api/inferences/7/swaps/":
            return json_answer(200, {"count": len(SWAPS), "results": SWAPS})
        if path == "/api/chains/":
            if method == "GET":
                return json_answer(200, CHAIN)
            self.sent.append((path, orjson.loads(body)))
            return json_answer(201, {"inferences": [self.inference(), {**self.inference(), "id": 8, "tier": "cloud"}]})
        if path == "/api/inferences/deletion/":
            return json_answer(200, DELETIONS)
        if path == "/api/inferences/7/history/":
            return json_answer(200, {"since": "2026-01-01T00:00:00Z", "step_minutes": 10, "steps": STEPS})
        if path == "/api/inferences/7/dead_letters/groups/":
            return json_answer(200, LETTERS)
        if path == "/api/inferences/check/":
            self.sent.append((path, orjson.loads(body)))
            return json_answer(200, self.check)
        if path == "/api/inferences/":
            return json_answer(200, {"count": 1, "next": None, "results": [self.inference()]})
        if not path.startswith("/api/inferences/7/"):
            return json_answer(404, {})
        if method == "DELETE":
            return json_answer(204, None)
        if method in ("POST", "PATCH"):
            self.sent.append((path, orjson.loads(body or b"null")))
        else:
            self.looks -= 1
        return json_answer(200, self.inference())

    def inference(self) -> dict[str, Any]:
        serving = {"revision": 4 if self.looks <= 0 else 3, "version": 2}
        said = {"replica": 0, "state": "running", "updated_at": "2026-01-01T00:00:00Z", "serving": serving}
        names: dict[str, Any] = {"include": ["machine"], "changelog_topic": self.changelog}
        known: dict[str, Any] = {
            **names,
            "id": 7,
            "result": 1,
            "input_topic": "in",
            "output_topic": "out",
            "state": "running",
        }
        versions = {"version": 2, "follows": True, "revision": 4, "swap_failure": self.failure}
        versions["comparison"] = COMPARISON
        tier: dict[str, Any] = {"tier": "edge", "limit": 0.8, "upper_topic": "upper"}
        tier["exits"] = {"limit": 0.8, "predicted": 100, "sent_up": 25}
        stats = {"predicted": 3, "dead_lettered": 5020}
        return {**known, **versions, **tier, "replica_stats": [said], "stats": stats, "failing": self.failing}


@pytest.fixture
def platform() -> Iterator[Platform]:
    with Platform() as server:
        yield server


def test_a_swap_waits_until_the_replicas_have_gone_over(platform: Platform) -> None:
    platform.looks = 2
    with Client(platform.url, "t") as client:
        assert not client.inferences.swap(7, 2).swapped
        assert client.inferences.wait_swapped(7, timeout_seconds=60).swapped
        client.inferences.rollback(7)
        client.inferences.follow(7)
        assert [swap.failure is None for swap in client.inferences.swaps(7)] == [True, False, True, True]
    assert platform.sent == [
        ("/api/inferences/7/swap/", {"version": 2}),
        ("/api/inferences/7/rollback/", None),
        ("/api/inferences/7/follow/", None),
    ]


def test_a_version_that_was_given_up_is_an_error_with_its_reason(platform: Platform) -> None:
    platform.failure = {"revision": 3, "version": 3, "failure": FAILURE}
    with Client(platform.url, "t") as client, pytest.raises(FailedError, match="version 3 cannot be served: no such"):
        client.inferences.wait_swapped(7, timeout_seconds=60)


def test_the_command_line_swaps_and_shows_what_happened(platform: Platform) -> None:
    done = run_cli("inferences", "swap", "7", "2", KML_URL=platform.url, KML_TOKEN="t")
    assert (done.returncode, done.stdout) == (0, "inference 7 serves version 2, and follows the current one\n")
    shown = run_cli("inferences", "swaps", "7", KML_URL=platform.url, KML_TOKEN="t").stdout
    assert "1 -> 2" in shown
    # A canary begins and ends without a change of the version that answers.
    assert "1, 2 next to it" in shown
    assert "1 alone" in shown
    assert "1 -> 1" not in shown
    assert "20 ms" in shown
    assert "0@42" in shown
    assert "no such layer" in shown


def test_the_limit_of_a_tier_is_changed(platform: Platform) -> None:
    platform.looks = 0
    done = run_cli("inferences", "limit", "7", "0.8", KML_URL=platform.url, KML_TOKEN="t")
    assert (done.returncode, done.stdout) == (0, "inference 7 hands up what is less sure than 0.8, to upper\n")
    assert platform.sent == [("/api/inferences/7/", {"limit": 0.8})]
    with Client(platform.url, "t") as client:
        inference = client.inferences.get(7)
    assert inference.exits is not None
    assert (inference.tier, inference.limit, inference.exits.share) == ("edge", 0.8, 0.75)


def test_a_chain_is_proposed_and_served_as_a_whole(platform: Platform) -> None:
    chain = ("inferences", "create-chain", "4", "--prefix", "digits")
    shown = run_cli(*chain, "--propose", KML_URL=platform.url, KML_TOKEN="t").stdout
    assert [word in shown for word in ("edge", "digits-cloud", "0.8")] == [True] * 3
    assert platform.sent == []
    made = run_cli(*chain, "--limit", "0.9", "--input", "minst-in", KML_URL=platform.url, KML_TOKEN="t")
    assert (made.returncode, made.stdout.splitlines()[0][:51]) == (
        0,
        "2 tiers start: in (edge, inference 7) -> in (cloud,",
    )
    tiers = [{"result": 3, "limit": 0.9}, {"result": 4}]
    body = {"result": 4, "prefix": "digits", "input_topic": "minst-in", "tiers": tiers}
    assert platform.sent == [("/api/chains/", body)]
    many = run_cli(*chain, "--limit", "0.9", "--limit", "0.8", KML_URL=platform.url, KML_TOKEN="t")
    assert (many.returncode != 0, "expected at most 1, the top has none" in many.stderr.replace("\n", " ")) == (
        True,
        True,
    )


def test_tiers_of_a_chain_differ_by_the_names_of_sub_models(platform: Platform) -> None:
    chain = ("inferences", "create-chain", "4")
    made = run_cli(
        *(*chain, "--replicas", "2", "--replicas", "cloud=3", "--gpu", "cloud=1", "--limit", "0.9"),
        *("--upper-bootstrap-servers", "central:9092", "--output-bootstrap-servers", "edge=near:9092"),
        KML_URL=platform.url,
        KML_TOKEN="t",
    )
    assert made.returncode == 0, made.stderr
    own = {"upper_bootstrap_servers": "central:9092", "output_bootstrap_servers": "near:9092"}
    assert platform.sent[0][1]["tiers"] == [
        {"result": 3, "limit": 0.9, "replicas": 2, **own},
        {"result": 4, "replicas": 3, "gpu": 1},
    ]
    for wrong, expected in (("clod=3", "one of edge, cloud"), ("many", "a whole number")):
        refused = run_cli(*chain, "--replicas", wrong, KML_URL=platform.url, KML_TOKEN="t")
        assert (refused.returncode, expected in " ".join(refused.stderr.split())) == (2, True), refused.stderr
    assert len(platform.sent) == 1


def test_a_challenger_is_started_compared_and_promoted(platform: Platform) -> None:
    rule = ("--rule", "accuracy:0.01:5000")
    canary = ("inferences", "canary", "7", "3", "--share", "0.2", "--labelled", *rule)
    assert "answers 20.0% of the keys" in run_cli(*canary, KML_URL=platform.url, KML_TOKEN="t").stdout
    shown = run_cli("inferences", "compare", "7", KML_URL=platform.url, KML_TOKEN="t").stdout
    assert "1,000 of 5,000 records answered by both, the same answer to 99.00%" in shown
    assert "95.00% of 100" in shown
    with Client(platform.url, "t") as client:
        client.inferences.shadow(7, 3)
        client.inferences.promote(7)
        client.inferences.drop(7)
    decided = {"metric": "accuracy", "at_least": 0.01, "records": 5000}
    assert platform.sent == [
        (
            "/api/inferences/7/canary/",
            {"version": 3, "share": 0.2, "labelled": True, "keyed": False, "rule": decided},
        ),
        ("/api/inferences/7/shadow/", {"version": 3, "labelled": False, "rule": None}),
        ("/api/inferences/7/promote/", None),
        ("/api/inferences/7/drop/", None),
    ]
    refused = run_cli(*canary[:4], "--rule", "better", KML_URL=platform.url, KML_TOKEN="t")
    assert refused.returncode != 0
    assert "expected METRIC:AT_LEAST:RECORDS" in refused.stderr


def test_what_fails_says_so_in_its_state_and_why(platform: Platform) -> None:
    settings = {"KML_URL": platform.url, "KML_TOKEN": "t"}
    well = run_cli("inferences", "list", **settings)
    assert ("running" in well.stdout, well.stderr) == (True, "")
    reason = "all 5,020 records became dead letters"
    reported = {"kind": "dead_letters", "reason": reason, "hint": "look at them", "since": "2026-01-01T00:00:00Z"}
    platform.failing = reported
    listed = run_cli("inferences", "list", **settings)
    assert "failing" in listed.stdout
    assert "running" not in listed.stdout
    assert "5,020" in listed.stdout
    assert f"inference 7 fails: {reason}" in listed.stderr
    shown = run_cli("inferences", "show", "7", **settings).stdout
    assert f"failing: {reason}\nwhat to do: look at them" in shown
    # JSON has the plain state, with the reason in a field of its own.
    (row,) = orjson.loads(run_cli("inferences", "list", "--json", **settings).stdout)
    assert (row["state"], row["failing"]["kind"]) == ("running", "dead_letters")


def test_dead_letters_are_reported_by_their_reason(platform: Platform) -> None:
    done = run_cli("inferences", "dead-letters", "7", KML_URL=platform.url, KML_TOKEN="t")
    (_, line) = done.stdout.strip().splitlines()
    assert ("5,020" in line, "0@41" in line, line.endswith("decode  not numbers of one shape")) == (True, True, True)
    assert "only the newest 5,020 were looked at" in done.stderr


def test_the_last_day_is_reported_step_by_step(platform: Platform) -> None:
    done = run_cli("inferences", "history", "7", KML_URL=platform.url, KML_TOKEN="t")
    _, measured, silent = done.stdout.splitlines()
    for reported in ("740,736", "1,234.6", "17", "2.5", "93.4%", "4"):
        assert reported in measured.split()
    # Minutes without measurements show no zeros.
    assert silent.split()[2:] == ["740,736", "1,234.6", "2", "1"]


def test_what_answers_carry_is_changed_without_a_restart(platform: Platform) -> None:
    done = run_cli("inferences", "include", "7", "machine, _offset", KML_URL=platform.url, KML_TOKEN="t")
    assert (done.returncode, done.stdout) == (0, "answers of inference 7 carry machine\n")
    assert platform.sent == [("/api/inferences/7/", {"include": ["machine", "_offset"]})]


def test_what_deleting_would_do_is_reported_without_doing_it(platform: Platform) -> None:
    done = run_cli("inferences", "delete", "7", "8", "--dry-run", KML_URL=platform.url, KML_TOKEN="t")
    assert done.stdout.splitlines() == [
        "inference 7 would go, and with it",
        "  its logs and numbers",
        "inference 8 stays: inference 8 is running; stop it first",
        "  replicas 8 (2 replicas)",
    ]
    assert platform.sent == []


def test_deleting_says_what_becomes_of_the_topics(platform: Platform) -> None:
    def deleted() -> str:
        return run_cli("inferences", "delete", "7", KML_URL=platform.url, KML_TOKEN="t").stdout

    assert deleted() == "inference 7 deleted; its topics stay\n"
    platform.changelog = "kml-infer-7-ab-changelog"
    assert "kept its windows in kml-infer-7-ab-changelog, which nothing reads any more" in deleted()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, ['the newest record of machines[0]@41: {"load": 1}', "result 3 can read it, as JSON"]),
        ({"verdict": "waits"}, ["answers come with later ones"]),
        ({"verdict": "empty", "record": None}, ["machines has no record yet"]),
        ({"verdict": "no_topic", "record": None}, ["machines does not exist yet"]),
    ],
)
def test_what_a_check_found_is_said(more: dict[str, Any], said: list[str]) -> None:
    lines = list(lines_of(InputCheck.model_validate({**CHECK, **more}), 3))
    assert all(any(phrase in line for line in lines) for phrase in said), lines


def test_a_topic_is_checked_before_it_is_served(platform: Platform) -> None:
    platform.check = {**CHECK, "verdict": "unreadable", "reason": MISFIT}
    command = ("inferences", "check", "3", "--input", "machines", "--input-config", '{"a": 1}')
    done = run_cli(*command, KML_URL=platform.url, KML_TOKEN="t")
    assert (done.returncode, done.stdout.splitlines()) == (
        2,
        [
            'the newest record of machines[0]@41: {"load": 1}',
            "result 3 cannot read it: null in temp",
            "what to do: send it",
        ],
    )
    asked = {"result": 3, "input_topic": "machines", "input_config": {"a": 1}}
    assert platform.sent == [("/api/inferences/check/", asked)]


def test_a_shadow_and_a_chain_begin_where_they_are_set(platform: Platform) -> None:
    with Client(platform.url, "t") as client:
        client.inferences.shadow(7, 3, start="now")
        client.inferences.create_chain(result=4, start="1200")
    assert [body["start"] for _, body in platform.sent] == ["now", "1200"]
