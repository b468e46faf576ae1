"""Texts from users and producers stay texts: payloads in every field are shown as they are, and never run."""

from __future__ import annotations

import pytest

from datasources import RawSink
from examples.digits.data import load_digits
from examples.digits.model import PYTORCH
from kafkaml.confluent import KafkaRecordWriter
from kafkaml.records import OutgoingRecord
from kafkaml.sdk import Client
from kafkaml.sdk.types import RunState
from kafkaml.settings import KafkaSettings
from tests.browser.chromium import Session
from tests.platform import Platform
from tests.support import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

_RUN = "window.xss=1"
_BASE = [
    f"<script>{_RUN}</script>",
    f"<img src=x onerror={_RUN}>",
    f"<svg onload={_RUN}>",
    f"javascript:{_RUN}",
    f"{{{{constructor.constructor('{_RUN}')()}}}}",
    f"${{{_RUN}}}",
    f"<iframe srcdoc='<script>parent.{_RUN}</script>'>",
    f"<a href='javascript:{_RUN}'>x</a>",
    f"<body onload={_RUN}>",
    f"<details open ontoggle={_RUN}>",
]
# Ways to break out of the place of a text: an attribute, an element, a comment, a JSON string, a template.
_AROUND = ["{}", '">{}', "'>{}", "</textarea>{}", "</script>{}", "-->{}", "\\u003c{}", "]]>{}", "&lt;{}", "`{}`"]
PAYLOADS = [around.format(base) for around in _AROUND for base in _BASE]

# A model that prints and then fails, with payloads in every text that a user will read.
_FAILING = PYTORCH.replace(
    "        return self.layers",
    "        if self.training and len(x) > 8:\n"
    f"            print({PAYLOADS[0]!r})\n"
    f"            raise ValueError({PAYLOADS[11]!r})\n"
    "        return self.layers",
)


def test_payloads_in_every_text_field_are_inert(session: Session, populated: Platform) -> None:
    assert len(PAYLOADS) == 100
    addresses = _make(populated.client, populated.bootstrap_servers)
    page = session.open("/")
    for address in addresses:
        session.follow(page, address)
        assert page.evaluate("() => window.xss") is None, address
    # The page shows each text as it was typed, with nothing cut out.
    session.follow(page, "/models")
    for name in PAYLOADS[1:4]:
        page.get_by_label("Search", exact=True).fill(name)
        page.get_by_role("link", name=name, exact=True).first.wait_for()
    assert page.evaluate("() => window.xss") is None
    page.get_by_role("button", name="Search and commands").click()
    page.get_by_placeholder("Go to").fill("<img")
    page.get_by_role("dialog").get_by_text(PAYLOADS[1]).first.wait_for()
    assert page.evaluate("() => window.xss") is None


def _make(client: Client, servers: str) -> list[str]:
    """Objects with payloads in every text; returns the addresses that show them."""
    everything = "\n".join(PAYLOADS)
    addresses = [
        "/models",
        "/configurations",
        "/training",
        "/training?tab=runs",
        "/inference",
        "/streams",
        "/topics",
        "/",
    ]
    models = []
    for name in PAYLOADS[:10]:
        model = client.models.create(
            name=name, framework="pytorch", code=f"'''{everything}'''\n{PYTORCH}", description=everything
        )
        models.append(model.id)
    addresses += [f"/models/{models[0]}", f"/models/{models[1]}?tab=code", f"/models/{models[1]}?tab=users"]
    failing = client.models.create(name=f"{PAYLOADS[21]} fails", framework="pytorch", code=_FAILING)
    configuration = client.configurations.create(
        name=PAYLOADS[31], models=[failing.id, *models[:1]], description=everything
    )
    addresses.append(f"/configurations/{configuration.id}")
    deployment = client.deployments.create(configuration=configuration.id)
    images = load_digits()[0]
    with RawSink(
        bootstrap_servers=servers, topic="hostile", deployment_id=deployment.id, description=PAYLOADS[41]
    ) as sink:
        sink.send_array(images.images[:64], images.labels[:64])
    failed = eventually(
        lambda: next(
            (result for result in client.results.list(deployment=deployment.id) if result.state == RunState.FAILED),
            None,
        ),
        240,
    )
    assert failed is not None
    assert PAYLOADS[11] in str(failed.failure)
    addresses += [f"/training/{deployment.id}", f"/results/{failed.id}", f"/results/{failed.id}?tab=logs"]
    addresses += [f"/results/{failed.id}?tab=lineage", f"/training/new?configuration={configuration.id}"]
    streams = [stream.id for stream in client.streams.list(deployment=deployment.id)]
    addresses += [f"/streams/{stream}" for stream in streams]
    return [*addresses, *_records(servers)]


def _records(servers: str) -> list[str]:
    writer = KafkaRecordWriter(KafkaSettings(bootstrap_servers=servers))
    for number, payload in enumerate(PAYLOADS):
        text = payload.encode()
        writer.write(OutgoingRecord("hostile-text", text, text, [(f"h{number}", text)]))
    writer.flush(30)
    writer.close()
    return ["/topics/hostile-text", "/topics/hostile-text?tab=records", "/topics/hostile-text?tab=records&decoder=text"]
