"""The documentation: links lead somewhere, commands exist, and each block is known to be run or exempt."""

from __future__ import annotations

import inspect
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from backend.system.old_addresses import present_address
from datasources import RawSink
from kafka_control_logger.__main__ import ControlLoggerSettings
from platform_local.broker import OLD_EXAMPLES_PORT
from scripts.documentation import api, metrics, sdk
from scripts.documentation.commands import command_tree
from scripts.documentation.commands import page as commands_page
from scripts.documentation.markdown import Mark, anchors, blocks, links, replace_links
from scripts.documentation.pages import GENERATED, ROOT, lay_down, navigation, pages, resolved
from scripts.documentation.recorded import as_shown, put, shape, shown
from tests.docs import test_node_red as node_red
from tests.docs.running import commands_of
from tests.docs.test_pages import BY_HAND, DEMO, IN_THE_CHECKOUT, ON_ONE_PLATFORM

# The pages that people read in the repository. The site has all of them but README.md, which its first page replaces.
TEXTS = sorted({*(name for name in pages() if name.endswith(".md")), "README.md"})


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_links_between_texts_lead_somewhere() -> None:
    wrong = []
    for name in TEXTS:
        for line, target in links(text_of(name)):
            found = resolved(name, target)
            if found is None:
                continue
            path, anchor = found
            if path.removeprefix("docs/") in GENERATED:
                continue
            if not (ROOT / path).exists():
                wrong.append(f"{name}:{line}: {target}: there is no {path}")
            elif anchor and path.endswith(".md") and anchor not in anchors(text_of(path)):
                wrong.append(f"{name}:{line}: {target}: {path} has no heading {anchor}")
    assert not wrong, "\n".join(wrong)


def test_links_are_read_as_markdown_has_them() -> None:
    text = "[a](b.md) `[c](d.md)`\n```\n[e](f.md)\n```\n[![g](h.png)](i.md#j) [k `l`](m.md)"
    assert [target for _, target in links(text)] == ["b.md", "i.md#j", "m.md"]
    assert replace_links(text, lambda target: None if target == "b.md" else "x") == (
        "a `[c](d.md)`\n```\n[e](f.md)\n```\n[![g](x)](x) [k `l`](x)"
    )
    assert replace_links("[a](b.py)", lambda _: None, unlinked=lambda words, target: f"{words}: {target}") == "a: b.py"


def test_the_site_says_where_the_files_are_that_it_has_not(tmp_path: Path) -> None:
    lay_down(tmp_path)
    part = (tmp_path / "source/seminar/part-4.md").read_text(encoding="utf-8")
    assert "model_pytorch.py (`examples/MNIST_RAW_format/model_pytorch.py`), as" in part
    journey = (tmp_path / "source/journey.md").read_text(encoding="utf-8")
    assert "A sink (`datasources/sink.py`) writes" in journey
    assert "[all of them](examples/index.md)" in (tmp_path / "source/index.md").read_text(encoding="utf-8")


def test_pages_of_the_site_are_in_its_contents_once() -> None:
    listed: list[str] = []
    for section in navigation():
        for place in section.values():
            listed += [place] if isinstance(place, str) else place
    assert sorted(listed) == sorted([*(page for page in pages().values() if page.endswith(".md")), *GENERATED])


def test_help_of_the_web_ui_leads_to_pages() -> None:
    source = text_of("frontend/src/app/help.ts")
    addresses = re.findall(r"^  '/\w*': '([^']*)',", source, re.M)
    assert len(addresses) == len(re.findall(r"\bto: '", text_of("frontend/src/app/navigation.ts")))
    files = {target: name for name, target in pages().items()}
    for address in addresses:
        path, _, anchor = address.partition("#")
        page = f"{path.rstrip('/') or 'index'}.md"
        assert page in files, address
        assert not anchor or anchor in anchors(text_of(files[page])), address


def commands() -> Iterator[str]:
    for name, command in command_tree().commands.items():
        subs = getattr(command, "commands", {})
        yield from (f"{name} {sub_topic}" for sub_topic in subs) if subs else (name,)


def test_the_reference_has_every_command_route_class_and_score() -> None:
    page = commands_page()
    assert [command for command in commands() if f"Usage: kafka-ml {command} " not in page] == []
    description = ROOT / "frontend/openapi.json"
    page = api.page(description)
    routes = json.loads(description.read_text(encoding="utf-8"))["paths"]
    shown = set(re.findall(r"^### \w+ (/api/\S+)$", page, re.M))
    assert shown == {route.replace("{", "&#123;").replace("}", "&#125;") for route in routes}
    linked = set(re.findall(r"\]\(#([\w-]+)\)", page))
    assert linked <= anchors(page)
    page = sdk.page(ROOT)
    for signature in ("class RawSink(", "wait_for(", "class Client(", "class RefusedError(", "predict_batch("):
        assert signature in page
    page = metrics.page()
    for word in ("mean_absolute_error", "`max_epochs`", "`p99_ms`", "`dead_lettered`"):
        assert word in page


# Pages of lessons. Their programs and commands have tests of their own.
LESSONS = ("docs/seminar/", "examples/")
# Languages of blocks that need no test: programs and documents to look at, not to type.
READ = ("json", "yaml", "python", "text", "toml", "ts", "mermaid")


def test_of_each_block_of_commands_is_known_whether_it_is_run() -> None:
    wrong = []
    for name in TEXTS:
        for block in blocks(text_of(name)):
            mark = block.mark
            if mark is None:
                if block.language not in READ and not name.startswith(LESSONS):
                    wrong.append(f"{name}:{block.line}: no mark says what becomes of this block (docs/development.md)")
            elif mark.kind == "tested by" and not (ROOT / mark.what).is_file():
                wrong.append(f"{name}:{block.line}: there is no test {mark.what}")
            elif mark.kind in ("needs", "file") and not mark.what:
                wrong.append(f"{name}:{block.line}: {mark.kind} what?")
    assert not wrong, "\n".join(wrong)


def test_every_block_to_run_is_run() -> None:
    marked = {
        (name, block.mark.what)
        for name in TEXTS
        for block in blocks(text_of(name))
        if block.mark is not None and block.mark.kind == "run"
    }
    followed = {(page, "") for pages_of_test in ON_ONE_PLATFORM.values() for page in pages_of_test}
    option = {(node_red.PAGE, name) for name in (node_red.INSTALL, node_red.SHOW)}
    assert marked == followed | option | {*IN_THE_CHECKOUT, BY_HAND, DEMO}


def test_marks_are_of_the_next_block_only() -> None:
    text = "<!-- run: a -->\n```console\n$ x\n```\n\n```\ny\n```\n  <!-- needs: a cluster -->\n  ```\n  z\n  ```\n"
    found = list(blocks(text))
    assert [(block.line, block.language, block.text) for block in found] == [
        (2, "console", "$ x\n"),
        (6, "", "y\n"),
        (10, "", "z\n"),
    ]
    assert [block.mark for block in found] == [Mark("run", "a"), None, Mark("needs", "a cluster")]


def test_what_is_recorded_is_compared_without_its_figures() -> None:
    one = (
        "web  ready in 1.4 s\nbroker  ready in 3 s\n  2 images\n ##..\n 0 · 25\n 1 7 ·\nsuch as {'values': [-2e-05]} z"
    )
    other = "broker ready in 2 s\nweb ready in 11.5 s\n17 images\n 0 3\nsuch as\n{'values': [7]}   z"
    assert shape("demo", one) == shape("demo", other)
    assert shape("demo", one) != shape("demo", other.replace("images", "pictures"))
    assert shape("doctor", "ok    java  version 17\nwarn  disk  little") == ["java", "disk"]
    page = "a\n<!-- output:demo -->\n```\n  old\n```\n<!-- /output -->\nb"
    assert shown(page, "demo") == "  old"
    assert shown(put(page, "demo", "new\n"), "demo") == "new"
    printed = "+ make demo\nStart the platform\n/tmp/s/x /login/abc"
    assert as_shown("demo", printed, state=Path("/tmp/s"), root=ROOT) == (
        "Start the platform\n~/.local/share/kafka-ml/x /login/..."
    )


def typed(name: str) -> Iterator[tuple[str, str]]:
    """Yield each ``kafka-ml`` command of a page: where it is, and the text that is typed after the program's name."""
    for block in blocks(text_of(name)):
        if block.language in READ or (block.mark is not None and block.mark.kind == "output"):
            continue
        for line in re.sub(r"\\\n\s*", " ", commands_of(block)).splitlines():
            for part in re.split(r"&&|;|\|", line.partition(" #")[0]):
                if found := re.match(r"\s*(?:\S+/)?kafka-ml (.*)", part):
                    yield f"{name}:{block.line}", found[1].partition(" > ")[0]
    for line, text in enumerate(text_of(name).splitlines(), 1):
        for found in re.finditer(r"`kafka-ml ([a-z][^`]*)`", text):
            yield f"{name}:{line}", found[1]


def parse(words: list[str]) -> None:
    """Parse a command as the program does, without running it; raises the program's own error."""
    group = command = command_tree()
    context = group.context_class(group, info_name="kafka-ml")
    while subs := getattr(command, "commands", {}):
        name = words.pop(0)
        assert name in subs, f"there is no command {name}"
        command, above = subs[name], context
        context = command.context_class(command, info_name=name, parent=above)
        if not words:
            # The page only names a group of commands here; nobody types it.
            return
    options = {spelling for option in command.params for spelling in (*option.opts, *option.secondary_opts)} | {
        "--help",
        "-h",
    }
    for word in words:
        if word.startswith("--"):
            assert word.partition("=")[0] in options, f"{context.command_path} has no option {word}"
    if all(word.startswith("-") for word in words):
        return
    command.make_context(context.info_name, words, parent=context.parent)


def test_commands_of_the_pages_are_taken_as_they_are_written() -> None:
    wrong, count = [], 0
    for name in TEXTS:
        # The changelog is left out, because it describes commands as they once were.
        for where, text in typed(name) if name != "CHANGELOG.md" else ():
            # Placeholders become numbers.
            plain = re.sub(r"\b(ID|N|STREAM|TOKEN-ID)\b", "1", text).replace("...", "")
            count += 1
            try:
                parse(shlex.split(plain))
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it is reported with its place
                wrong.append(f"{where}: kafka-ml {text}: {getattr(error, 'message', error)}")
    assert count > 100
    assert not wrong, "\n".join(wrong)


def test_promises_of_security_name_tests_that_are_there() -> None:
    named = re.findall(r"`((?:tests|backend)/[^`]+\.py)`", text_of("SECURITY.md") + text_of("docs/exactly-once.md"))
    assert len(named) > 20
    assert [path for path in named if not (ROOT / path).is_file()] == []


def rows(name: str, heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading."""
    section = text_of(name).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_old_routes_lead_where_the_page_says() -> None:
    table = rows("docs/coming-from-1.x.md", "Routes")
    assert len(table) > 20
    for method, old, new in table:
        path = re.match(r"`([^`]+)`", old)
        assert path is not None
        assert present_address(method, path[1]) == new.strip("`"), f"{method} {old}"


def test_old_fields_are_called_what_the_page_says() -> None:
    schemas = json.loads(text_of("frontend/openapi.json"))["components"]["schemas"]
    objects = {
        "model": "ModelWriteRequest",
        "configuration": "ConfigurationWriteRequest",
        "deployment": "DeploymentWriteRequest",
        "result": "Result",
        "inference": "InferenceWriteRequest",
    }
    for old, new, _ in rows("docs/coming-from-1.x.md", "Fields"):
        fields = schemas[objects[old.split()[0]]]["properties"].keys() | schemas["IncrementalRequest"]["properties"]
        same = re.findall(r"`(\w+)`", old if new.startswith("the same") else new)
        assert same, old
        assert set(same) <= fields, old


def test_old_ports_and_topics_are_those_that_are_listened_to() -> None:
    text = text_of("docs/coming-from-1.x.md")
    assert f"localhost:{OLD_EXAMPLES_PORT}" in text
    topics = ControlLoggerSettings.model_fields["control_topic"].default
    assert topics == "KAFKA_ML_CONTROL_TOPIC,control"
    assert all(f"control topic `{topic}`" in text for topic in topics.split(","))
    parameters = inspect.signature(RawSink).parameters
    for name in re.findall(r"(\w+)=", rows("docs/coming-from-1.x.md", "Sinks")[0][0]):
        assert name in parameters


def test_the_fields_of_the_tutorial_are_those_of_the_form() -> None:
    form = text_of("frontend/src/features/training/DeployForm.tsx")
    fields = [name for name, *_ in rows("docs/tutorial.md", "Training")]
    assert len(fields) > 5
    assert [name for name in fields if f'label="{name}"' not in form and f"'{name}'" not in form] == []
