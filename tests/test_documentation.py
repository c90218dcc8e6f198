"""The documentation says what the code does, its links lead somewhere, and nothing is left undocumented."""

import re
from pathlib import Path

import pytest
from tools.reference import FOLDER, NOTICE, PAGES

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?://)([^)#]+)?(#[^)]+)?\)")


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_reference_page_equals_the_code(name: str) -> None:
    assert (FOLDER / name).read_text() == NOTICE + "\n" + PAGES[name](), f"run `make docs`: {name} differs"


def anchors(path: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target, anchor in LINK.findall(document.read_text()):
        path = (document.parent / target).resolve() if target else document
        assert path.exists(), f"{document.name} links to {target}, which does not exist"
        if anchor and path.suffix == ".md":
            assert anchor[1:] in anchors(path), f"{document.name} links to {target}{anchor}, which has no such heading"


def test_every_page_can_be_reached() -> None:
    linked = {
        (document.parent / target).resolve()
        for document in DOCUMENTS
        for target, _ in LINK.findall(document.read_text())
        if target
    }
    folders = {path for path in linked if path.is_dir()}
    orphans = [
        str(document.relative_to(ROOT))
        for document in DOCUMENTS
        if document.parent != ROOT and document not in linked and document.parent not in folders
    ]
    assert orphans == []


def test_decision_records_have_their_parts() -> None:
    for record in sorted((ROOT / "docs" / "adr").glob("*.md")):
        text = record.read_text()
        for part in ("Status", "Context", "Decision", "Consequences", "Alternatives"):
            assert f"## {part}" in text, f"{record.name} has no section {part}"


def test_the_seed_file_page_names_every_key() -> None:
    from chargewright.csms.seed import IdTagSeed, StationSeed

    page = (FOLDER / "seed-file.md").read_text()
    keys = [*StationSeed.model_fields, *IdTagSeed.model_fields]
    assert [key for key in keys if f"| `{key}` |" not in page] == []


@pytest.mark.parametrize("name", ["how-to/use-the-library.md"])
def test_python_in_the_documentation_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / name).read_text(), re.DOTALL):
        exec(compile(block, name, "exec"), {})
    assert "ResultReceived" in capsys.readouterr().out


def test_toml_in_the_documentation_is_a_seed_that_is_accepted(tmp_path: Path) -> None:
    from chargewright.csms.seed import read_seed

    blocks = [
        block for document in DOCUMENTS for block in re.findall(r"```toml\n(.*?)```", document.read_text(), re.DOTALL)
    ]
    seeds = [block for block in blocks if "[[station]]" in block]
    assert len(seeds) >= 4
    for block in seeds:
        path = tmp_path / "seed.toml"
        path.write_text(block)
        assert read_seed(path).station
