"""The report's files: whole, escaped, self-contained, and right in what they mark."""

from __future__ import annotations

import csv
import json
import math
import re
from datetime import date
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.degradation.pictures import natural
from undegrade.errors import UsageError
from undegrade.evaluation.report import write
from undegrade.evaluation.rows import Pictures, Row, read_rows

PROTOCOL = "denoise-color on made-up: N(0, sigma/255); RGB; no crop"
VOID = {"br", "col", "hr", "img", "input", "meta"}
pytest.importorskip("vl_convert", reason="needs undegrade[eval]")
EVIL = "<script>alert('&')</script>"


def mean(values) -> float:
    return sum(values) / len(values) if values else math.nan


def row(model="ours", values=(30.0, 31.0, 32.0), **other) -> Row:
    """A row of three images, or as many as there are values."""
    fields = {
        "protocol": PROTOCOL,
        "setting": "sigma 25",
        "metric": "psnr",
        "gate": None,
        "commit": "abc1234",
        "version": "0.1.0",
        "machine": "a machine",
        "seconds_per_megapixel": None if model == "none" else 0.5,
        "images": tuple(f"image{n}" for n in range(len(values))),
        **other,
    }
    return Row(model=model, mean=mean(values), values=values, n=len(values), **fields)


ROWS = (
    row("none", (20.0, 21.0, 22.0), gate=20.17),
    row("ours", (31.0, 32.0, 33.0)),
    row("theirs", (30.0, 30.5, 31.0), seconds_per_megapixel=2.0),
)


def picture(seed=0, height=200, width=240, channels=3) -> np.ndarray:
    return np.rint(natural(height, width, channels, seed) * 255).astype(np.uint8)


def case(image="image0", seed=0, protocol=PROTOCOL, **arrays) -> Pictures:
    """Pictures of two models; *arrays* replace or add to them."""
    truth = picture(seed)
    noise = np.random.default_rng(seed).integers(-9, 10, truth.shape)
    near, far = (np.clip(truth + noise * n, 0, 255).astype(np.uint8) for n in (1, 3))
    given = {"input": far, "truth": truth, "ours": near, "theirs": far, **arrays}
    scores = {"ours": {"psnr": 31.0}, "theirs": {"psnr": 30.0 - seed}, "none": {"psnr": 20.0}}
    return Pictures(protocol, "sigma 25", image, given, scores)


class Page(HTMLParser):
    """Elements and texts of a page; every element must be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts, self.ids = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        assert len(found) == len(attrs), f"an attribute stands twice in {attrs}"
        self.elements.append((tag, found))
        self.ids += [found["id"]] if "id" in found else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def of(self, tag):
        return [found for name, found in self.elements if name == tag]


def written(tmp_path, rows=ROWS, pictures=(), **options):
    """The page as text, and parsed."""
    text = write(rows, pictures, tmp_path, **options).read_text("utf-8")
    return text, Page(text)


def test_four_files(tmp_path):
    path = write(ROWS, [case()], tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "report.html"
    names = {"report.html", "report.md", "report.csv", "report.json"}
    assert {file.name for file in path.parent.iterdir()} == names
    assert read_rows(path.with_name("report.json")) == list(ROWS)


def test_a_whole_page(tmp_path):
    text, page = written(tmp_path, pictures=[case()])
    assert len(page.ids) == len(set(page.ids))
    targets = {a["href"].removeprefix("#") for a in page.of("a")}
    assert targets <= set(page.ids)
    assert all("alt" in image for image in page.of("img"))
    labels = {label.get("id") for label in page.of("select")}
    assert {f"protocol-1-{name}" for name in ("setting", "metric", "a", "b")} <= labels
    for wanted in ("abc1234", "a machine", "N(0, sigma/255); RGB; no crop", "0.1.0"):
        assert wanted in text


def test_nothing_from_outside(tmp_path):
    text, page = written(tmp_path, pictures=[case()])
    # The script of the plotting library names namespaces; the policy lets it load nothing.
    document, _, script = text.partition("<script>")
    assert script.rstrip().endswith("</script>\n</body>\n</html>")
    assert "://" not in document
    assert "url(" not in document
    assert "@import" not in document
    for _, attributes in page.elements:
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/webp;base64,"))
    policy = page.of("meta")[1]["content"]
    assert "default-src 'none'" in policy
    assert not re.search(r"\son\w+=", text.split("<script", 1)[0])


def test_names_are_text(tmp_path):
    rows = [
        row(EVIL, protocol=f"{EVIL} on x: y", setting=EVIL, images=("</script>", '"><b>', "a&b")),
        row("b", (3.0, 4.0, 5.0), protocol=f"{EVIL} on x: y", setting=EVIL, machine=EVIL),
    ]
    shown = Pictures(rows[0].protocol, EVIL, '"><b>', {EVIL: picture(), "b": picture(1)}, {})
    text, page = written(tmp_path, rows, [shown], title=EVIL)
    kinds = [found.get("type") for found in page.of("script")]
    assert kinds == ["application/json", None]
    assert "alert" not in text.split("<script>")[1]
    # The dot chart's label, the table, the legend and more.
    assert sum(EVIL in data for _, data in page.texts) > 5
    block = next(data for tag, data in page.texts if tag == "script")
    assert EVIL in json.loads(block)["plots"]["protocol-1"]["models"]
    assert "<" not in block
    markdown = (tmp_path / "report.md").read_text()
    assert "<" not in markdown


def test_names_that_are_no_text(tmp_path):
    written(tmp_path, [row(images=("\udcff", "b", "c")), ROWS[0]], [case("\udcff")])


def test_marks(tmp_path):
    _, page = written(tmp_path)
    strong = [data for tag, data in page.texts if tag == "strong"]
    # At a glance, in the table, and in the explanation.
    assert strong == ["32.00", "32.00", "31.41"]


def test_the_gate_and_the_lead(tmp_path):
    text, _ = written(tmp_path)
    assert "20.17" in text
    assert "+1.50" in text
    assert "[1.00, 2.00]" in text


def test_noise_is_said(tmp_path):
    text, page = written(tmp_path, [row("a", (1.0, 2.0, 3.0)), row("b", (3.0, 1.9, 1.0))])
    assert ("span", "noise") in page.texts
    assert "best, but noise" in text
    assert "noise" in (tmp_path / "report.md").read_text()
    _, clear = written(tmp_path)
    assert clear.texts.count(("span", "noise")) == 1  # in the explanation


def test_lower_is_better(tmp_path):
    rows = [row(name, values, metric="niqe") for name, values in (("a", (3.0,)), ("b", (4.0,)))]
    _, page = written(tmp_path, rows)
    assert "3.00" in [data for tag, data in page.texts if tag == "strong"]
    markdown = (tmp_path / "report.md").read_text()
    assert "**3.00**" in markdown
    assert "**4.00**" not in markdown


def test_what_is_not_finite(tmp_path):
    rows = [
        row("same", (math.inf, math.inf)),
        row("broken", (math.nan, math.nan)),
        row("plain", (30.0, 31.0)),
    ]
    text, page = written(tmp_path, rows, [case()])
    assert "∞" in [data for tag, data in page.texts if tag == "strong"]
    assert "NaN" not in text.split("<script>")[0]
    assert ">nan" not in text
    assert (tmp_path / "report.csv").read_text().count(",inf,") == 2


@pytest.mark.parametrize("rows", [[row()], [row("none")], [row(values=())]])
def test_one_model(tmp_path, rows):
    text, page = written(tmp_path, rows)
    # Nobody is best of one: in bold stand a dash at a glance, and the explanation.
    assert [data for tag, data in page.texts if tag == "strong"] == ["–", "31.41"]
    assert 'class="by-image"' not in text


def test_no_rows(tmp_path):
    with pytest.raises(UsageError, match="no rows"):
        write([], [], tmp_path)


def test_no_pictures(tmp_path):
    text, page = written(tmp_path)
    assert "pictures" not in page.ids
    assert "<img" not in text.split("<script>")[0]
    written(tmp_path, pictures=[Pictures(PROTOCOL, "sigma 25", "image0", {}, {})])


def test_pictures(tmp_path):
    text, page = written(tmp_path, pictures=[case("image0"), case("image1", seed=1)])
    # The worst first: theirs is 2 dB behind on image1.
    assert text.index("theirs</b> is 2.00") < text.index("theirs</b> is 1.00")
    names = [
        attributes["data-name"] for _, attributes in page.elements if "data-name" in attributes
    ]
    assert names == ["input", "ours", "theirs", "truth"] * 2
    # Points lead to them.
    assert {"#case-1", "#case-2"} <= {a["href"] for a in page.of("a")}


def test_harm_is_said(tmp_path):
    rows = [row("none", (30.0,) * 3), row("ours", (29.0,) * 3)]
    shown = Pictures(PROTOCOL, "sigma 25", "image0", {"input": picture(), "ours": picture(1)}, {})
    _, page = written(tmp_path, rows, [shown])
    assert ("p", "Worse than the input: ") in page.texts


def test_what_the_product_did_is_said(tmp_path):
    auto = row("auto", worse=2, steps={"restore": 1, "left alone": 2})
    _, page = written(tmp_path, [row("none", (20.0, 21.0, 22.0)), auto])
    assert ("p", "auto: restore 1, left alone 2") in page.texts
    assert ("th", "Worse") in page.texts
    text = (tmp_path / "report.md").read_text("utf-8")
    assert "* auto: 2 of 3 images worse than the input\n* auto: restore 1, left alone 2" in text
    _, page = written(tmp_path)
    assert ("th", "Worse") not in page.texts


def test_plots_are_drawn_and_told(tmp_path):
    """Without scripts too: each point with its words, linked where there is a picture."""
    rows = [row(one.model, one.values, setting=f"sigma {n}") for one in ROWS for n in (15, 25)]
    _, page = written(tmp_path, rows, [case()])
    told = [found["aria-label"] for found in page.of("path") if "aria-label" in found]
    assert "ours, sigma 15: 32.00\u00a0dB" in told
    assert "ours: 32.00\u00a0dB at 0.50\u00a0s/MP" in told
    assert "image1: theirs 30.50, ours 32.00" in told
    charts = [found for found in page.of("div") if found.get("class") == "chart"]
    assert all(chart["aria-label"] for chart in charts)
    assert [chart["role"] for chart in charts] == ["img"] * 3 + ["group"]


def test_it_stays_below_10_megabytes(tmp_path):
    rng = np.random.default_rng(0)
    noise = {name: rng.integers(0, 256, (300, 300, 3), np.uint8) for name in "abcdefgh"}
    shown = [Pictures(PROTOCOL, f"sigma {n}", "x", noise, {}) for n in range(24)]
    path = write(ROWS, shown, tmp_path)
    assert 5_000_000 < path.stat().st_size < 10_000_000
    assert "of 24 pictures" in path.read_text()


def test_csv(tmp_path):
    write([*ROWS, row("a,b", metric="ssim", values=(0.5,), images=('"q"',))], [], tmp_path)
    with (tmp_path / "report.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 10
    assert lines[0]["value"] == "20.0"
    assert lines[0]["seconds_per_megapixel"] == ""
    assert (lines[0]["unit"], lines[0]["better"], lines[0]["commit"]) == ("dB", "higher", "abc1234")
    assert (lines[-1]["model"], lines[-1]["image"]) == ("a,b", '"q"')


def test_markdown(tmp_path):
    write(ROWS, [], tmp_path, title="A *title*", day=date(2026, 1, 2))
    text = (tmp_path / "report.md").read_text("utf-8")
    assert text.startswith(r"# A \*title\*")
    assert "* Date: 2026-01-02" in text
    assert "| model | PSNR (dB) ↑ | s/MP | n |" in text
    assert "| ours | **32.00** | 0.50 | 3 |" in text
    assert "| input | 21.00 | – | 3 |" in text
    assert "* PSNR: ours leads theirs by +1.50 \\[1.00, 2.00\\] dB" in text


def test_mixtures_are_told(tmp_path):
    text, _ = written(tmp_path, [ROWS[0], row(commit="other", machine="")])
    assert "abc1234; other" in text
    assert "a machine; unknown" in text


def test_models_missing_in_some_settings(tmp_path):
    rows = [
        row("none", setting="x2", metric="psnr"),
        row("two", setting="x2", metric="psnr"),
        row("none", setting="x4", metric="psnr"),
        row("four", setting="x4", metric="psnr"),
        row("four", setting="x4", metric="lpips-alex"),
    ]
    _, page = written(tmp_path, rows)
    assert ("text", "Enlargement (times, along a side)") in page.texts
    assert ("text", "LPIPS (Alex), lower is better") in page.texts
