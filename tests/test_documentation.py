"""The documentation: links that lead somewhere, commands that exist, blocks of which is known whether they are run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from scripts.documentation import api, metrics, sdk
from scripts.documentation.commands import command_tree
from scripts.documentation.commands import page as commands_page
from scripts.documentation.markdown import anchors, links, replace_links
from scripts.documentation.pages import GENERATED, ROOT, navigation, pages, resolved

# What people read in the repository; the site has all but README.md, whose place its first page takes.
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


def test_pages_of_the_site_are_in_its_contents_once() -> None:
    listed: list[str] = []
    for section in navigation():
        for each in section.values():
            listed += [each] if isinstance(each, str) else each
    assert sorted(listed) == sorted([*(each for each in pages().values() if each.endswith(".md")), *GENERATED])


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
        yield from (f"{name} {each}" for each in subs) if subs else (name,)


def test_the_reference_has_every_command_route_class_and_score() -> None:
    page = commands_page()
    assert [each for each in commands() if f"Usage: kafka-ml {each} " not in page] == []
    description = ROOT / "frontend/openapi.json"
    page = api.page(description)
    routes = json.loads(description.read_text(encoding="utf-8"))["paths"]
    shown = set(re.findall(r"^### \w+ (/api/\S+)$", page, re.M))
    assert shown == {each.replace("{", "&#123;").replace("}", "&#125;") for each in routes}
    linked = set(re.findall(r"\]\(#([\w-]+)\)", page))
    assert linked <= anchors(page)
    page = sdk.page(ROOT)
    for each in ("class RawSink(", "wait_for(", "class Client(", "class RefusedError(", "predict_batch("):
        assert each in page
    page = metrics.page()
    for each in ("mean_absolute_error", "`max_epochs`", "`p99_ms`", "`dead_lettered`"):
        assert each in page
