"""The docs site is made of the pages without a network, and asks for nothing of other hosts."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.docs.blocks import DOCS, ROOT, python


class Fetched(HTMLParser):
    """What a browser fetches by itself for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Scripts, styles, images, frames."""
        values = dict(attrs)
        if tag in {"script", "img", "iframe", "source"} or (
            tag == "link" and values.get("rel") not in {"canonical", "prev", "next"}
        ):
            self.addresses += [value for name in ("src", "href") if (value := values.get(name))]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `mkdocs build --strict` makes it."""
    made = tmp_path_factory.mktemp("site")
    done = python("-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(made))
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def test_every_page_is_in_the_site_and_in_its_navigation(site: Path) -> None:
    """A page that nobody finds is not there."""
    pages = {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")}
    assert {page for page in pages if not (site / f"{page}.html").is_file()} == set()
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    named = {name.removesuffix(".md") for name in re.findall(r"[\w/-]+\.md", navigation)}
    assert pages - named == set()


def test_site_asks_nothing_of_other_hosts(site: Path) -> None:
    """Fonts, scripts, styles and images are its own."""
    foreign = []
    for page in site.rglob("*.html"):
        found = Fetched()
        found.feed(page.read_text(encoding="utf-8"))
        assert found.addresses
        foreign += [address for address in found.addresses if re.match(r"(https?:)?//", address)]
    styles = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    imports = re.compile(r"(?:@import|url\()[\s\"']*https?:[^)]*")
    foreign += [address for style in styles for address in imports.findall(style)]
    assert foreign == []


def test_source_that_a_page_links_to_is_a_page_of_the_site(site: Path) -> None:
    """An example is read where it is named; the notebook with its pictures."""
    assert 'href="source/examples/bot.py.html"' in (site / "client.html").read_text(encoding="utf-8")
    assert "A small market maker" in (site / "source/examples/bot.py.html").read_text(encoding="utf-8")
    notebook = (site / "source/examples/replay.ipynb.html").read_text(encoding="utf-8")
    assert notebook.count('src="data:image/png;base64,') == 4


def test_link_to_nowhere_ends_the_build(tmp_path: Path) -> None:
    """What keeps the links right does see a wrong one."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("[nowhere](nowhere.md) [source](../examples/nothing.py)\n")
    (tmp_path / "mkdocs.yml").write_text(
        f"site_name: x\nINHERIT: {ROOT / 'mkdocs.yml'}\ndocs_dir: docs\nnav: [index.md]\n"
        f"hooks: [{DOCS / 'site.py'}]\n"
    )
    done = python(
        "-m", "mkdocs", "build", "--strict", "-f", str(tmp_path / "mkdocs.yml"), "-d", str(tmp_path / "site")
    )
    assert done.returncode == 1
    assert "'nowhere.md'" in done.stdout + done.stderr
    assert "'../examples/nothing.py'" in done.stdout + done.stderr
