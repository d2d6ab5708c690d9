"""report.html: self-contained, complete, and deaf to markup from outside."""

import html.parser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinn.errors import SpinnError
from spinn.output import RunFolder, write_bytes
from spinn.output.report import render_report, write_report

SUMMARY: dict[str, Any] = {
    "pde": "heat", "status": "ok", "relative_l2": {"u": 1.5e-3, "v": None, "all": 2.5e-3}, "truth": "exact",
    "seconds": {"compile": 3.0, "solve": 80.0, "total": 90.0}, "collocation_points": 1048576, "parameters": 44832,
    "precision": "float32", "device": "cpu", "seed": 0, "recipe": "linear: Gauss-Newton",
    "stages": [{"optimizer": "adam", "steps": 3000, "seconds": 60.0}, {"optimizer": "gauss_newton", "loss": 1e-12}],
    "warnings": ["rolled back at step 7"],
}  # fmt: skip
VOID = {"meta", "img", "br"}


class Page(html.parser.HTMLParser):
    """Collects tags, attributes and text; checks that tags close in order."""

    def __init__(self, text: str):
        html.parser.HTMLParser.__init__(self)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data + " "


def test_everything_is_told() -> None:
    page = Page(render_report(SUMMARY, "pde: heat\nseed: 0\n", {"python": "3.12"}, []))
    assert page.open == []
    told = """heat; 1.50e-03; 2.50e-03; 1 min 20 s; 1 048 576; 44 832; float32; linear: Gauss-Newton; gauss_newton;
        the exact solution; rolled back at step 7; seed: 0; 3.12"""
    for words in told.split(";"):
        assert words.strip() in page.text


def test_nothing_comes_from_elsewhere(tmp_path: Path) -> None:
    write_bytes(tmp_path / "u.png", b"\x89PNG fake")
    text = render_report(SUMMARY, "", {}, [tmp_path / "u.png", tmp_path / "gone.png"])
    page = Page(text)
    assert page.links == ["data:image/png;base64,iVBORyBmYWtl"]
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert "url(" not in text
    assert "@import" not in text


@given(st.text(alphabet=st.sampled_from("<>&\"'/=abc x"), min_size=1, max_size=20))
def test_outside_text_is_never_markup(text: str) -> None:
    summary = {**SUMMARY, "pde": text, "status": text, "recipe": text, "warnings": [text], "stages": [{text: text}],
               "relative_l2": {text: 1.0, "all": 1.0}, "truth": text, "device": text}  # fmt: skip
    clean = Page(render_report({**summary, **_replaced(summary, text)}, "word", {"word": ["word"]}, []))
    page = Page(render_report(summary, text, {text: [text]}, []))
    assert page.open == []
    extra = [tag for tag in set(page.tags) if page.tags.count(tag) > clean.tags.count(tag)]
    assert extra == []


def _replaced(value: Any, text: str) -> Any:
    """The same summary with a harmless word for the text."""
    if value == text:
        return "word"
    if isinstance(value, dict):
        return {_replaced(k, text): _replaced(v, text) for k, v in value.items()}
    return [_replaced(item, text) for item in value] if isinstance(value, list) else value


def test_a_problem_without_truth() -> None:
    page = Page(render_report({**SUMMARY, "relative_l2": None, "truth": None}, "", {}, []))
    assert "no error was measured" in page.text


@pytest.mark.parametrize("known", [True, False])
def test_the_estimate_stands_beside_the_error(known: bool) -> None:
    estimate = {"relative_l2": {"u": 1.25e-3, "all": 2.25e-3}, "reliable": True, "note": "", "residual": 1e-2}
    summary = {**SUMMARY, "error_estimate": estimate} | ({} if known else {"relative_l2": None, "truth": None})
    page = Page(render_report(summary, "", {}, []))
    assert "1.25e-03" in page.text and "2.25e-03" in page.text
    assert ("1.50e-03" in page.text) == known
    assert ("no error was measured" in page.text) != known
    doubtful = {**summary, "error_estimate": {**estimate, "reliable": False, "note": "it did not <converge>"}}
    assert "not reliable here: it did not <converge>" in Page(render_report(doubtful, "", {}, [])).text


def test_an_empty_summary_still_makes_a_page() -> None:
    assert Page(render_report({}, "", {}, [])).open == []


def test_the_report_of_a_folder(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    with pytest.raises(SpinnError, match=r"expected summary\.json"):
        write_report(folder)
    folder.write_config({"pde": "heat"})
    folder.write_environment("cpu", ["spinn"])
    folder.write_summary(SUMMARY)
    for name in ("loss", "u", "w_planes"):
        write_bytes(folder.figures / f"{name}.png", b"png")
    page = Page(write_report(folder).read_text())
    assert len(page.links) == 3
    assert page.text.index("w planes") < page.text.rindex("loss")  # the solution first
    assert "pde: heat" in page.text
