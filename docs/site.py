"""What the docs site does beyond mkdocs: a source file that a page links to is a page of it, too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[1]
_LINK: Final = re.compile(r"\]\((?P<up>(?:\.\./)+)(?P<path>[\w./-]+)\)")
_LANGUAGES: Final = {".py": "python", ".toml": "toml", ".yml": "yaml", "": "bash"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each source file that some page links to."""
    linked = {
        path
        for page in files.documentation_pages()
        for path in _sources_of(page.src_uri, page.content_string)
    }
    for path in sorted(linked):
        files.append(File.generated(config, f"source/{path}.md", content=_page_of(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links out of the docs point to those pages."""
    del config, files
    here = PurePosixPath(page.file.src_uri).parent

    def inside(link: re.Match[str]) -> str:
        path = _target(here, link)
        if path is None:
            return link[0]
        up = "../" * len(here.parts)
        return f"]({up}source/{path}.md)"

    return _LINK.sub(inside, markdown)


def _sources_of(page: str, markdown: str) -> set[str]:
    here = PurePosixPath(page).parent
    return {path for link in _LINK.finditer(markdown) if (path := _target(here, link)) is not None}


def _target(here: PurePosixPath, link: re.Match[str]) -> str | None:
    """The file in the project that a link leads to; None where it stays in the docs, or leads nowhere."""
    outside = len(link["up"]) // 3 - len(here.parts)
    return link["path"] if outside == 1 and (ROOT / link["path"]).is_file() else None


def _page_of(path: str) -> str:
    source = ROOT / path
    text = source.read_text(encoding="utf-8")
    if source.suffix == ".ipynb":
        return "\n\n".join(part for cell in json.loads(text)["cells"] for part in _parts_of(cell))
    return f"# {path}\n\n{_fenced(text, _LANGUAGES.get(source.suffix, 'text'))}\n"


def _parts_of(cell: dict[str, Any]) -> Iterator[str]:
    """A cell of a notebook as Markdown: its text or code, and what came out."""
    text = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield text
        return
    yield _fenced(text, "python")
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            yield _fenced("".join(output["text"]), "text")
        elif image := output.get("data", {}).get("image/png"):
            yield f"![](data:image/png;base64,{''.join(image).replace(chr(10), '')})"


def _fenced(text: str, language: str) -> str:
    return f"````{language}\n{text.rstrip()}\n````"
