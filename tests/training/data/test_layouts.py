"""Public sets, made small, in the layouts in which they are published."""

from __future__ import annotations

import pytest

from tests.training.data.sets import contents, make, pack
from undegrade.errors import InputError, UsageError
from undegrade.training.data.layouts import LAYOUTS
from undegrade.training.data.sources import Reading, entries, survey_source

PAIRS = Reading(pairs=True)

SINGLE = {
    "div2k": (["DIV2K_train_HR/0001.png", "DIV2K_train_HR/0800.png"], "train"),
    "div2k:valid": (["DIV2K_valid_HR/0801.png"], "valid"),
    "flickr2k": (["Flickr2K_HR/000001.png"], "train"),
    "bsds500": (["BSDS500/data/images/train/100075.jpg"], "train"),
    "bsds500:test": (["BSDS500/data/images/test/100007.jpg"], "test"),
    "bsds500:valid": (["images/val/101085.jpg"], "valid"),
    "lfw": (["lfw/Ann_Veneman/Ann_Veneman_0001.jpg", "lfw/Bo_Z/Bo_Z_0002.jpg"], "train"),
    "dped-sony": (["sony/training_data/canon/7.jpg"], "train"),
}
"""For each source its targets; everything of the others lies beside them."""

PAIRED = {
    "div2k-x2": (
        "DIV2K_train_LR_bicubic/X2/0001x2.png DIV2K_train_LR_bicubic/X2/0800x2.png",
        "DIV2K_train_HR/0001.png DIV2K_train_HR/0800.png",
    ),
    "dped-iphone": ("iphone/training_data/iphone/0.jpg", "iphone/training_data/canon/0.jpg"),
    "dped-blackberry:test": (
        "blackberry/test_data/patches/blackberry/3.jpg",
        "blackberry/test_data/patches/canon/3.jpg",
    ),
    "lol": ("our485/low/2.png our485/low/5.png", "our485/high/2.png our485/high/5.png"),
    "lol:test": ("eval15/low/1.png", "eval15/high/1.png"),
}
"""For each source its inputs and targets."""


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """All the sets of this file in one folder."""
    folder = tmp_path_factory.mktemp("sets")
    for found, _ in SINGLE.values():
        make(folder, found)
    for low, high in PAIRED.values():
        make(folder, [*low.split(), *high.split()])
    make(folder, ["DIV2K_train_LR_bicubic/X4/0001x4.png", "sony/training_data/sony/7.jpg"])
    return folder


def shown(source, reading=None):
    """What is found, as sorted ends of paths: inputs and targets."""
    return [[str(place) for place in entry.files] for entry in entries([source], reading)]


@pytest.mark.parametrize("source", SINGLE)
def test_targets(source, everything):
    expected, _ = SINGLE[source]
    found = shown(f"{source}:{everything}")
    assert [path for (path,) in found] == [str(everything / name) for name in sorted(expected)]


@pytest.mark.parametrize("source", PAIRED)
def test_pairs(source, everything):
    low, high = (text.split() for text in PAIRED[source])
    found = shown(f"{source}:{everything}", PAIRS)
    assert found == [
        [str(everything / a), str(everything / b)] for a, b in zip(low, high, strict=True)
    ]


@pytest.mark.parametrize("source", ["div2k", "lol", "dped-iphone"])
def test_the_set_may_be_a_pack(source, everything, tmp_path):
    tar = pack(tmp_path / "all.tar", contents(everything))
    assert len(entries([f"{source}:{tar}"])) == len(entries([f"{source}:{everything}"]))


def test_a_part_of_the_set_is_enough(everything):
    assert len(entries([f"div2k:{everything / 'DIV2K_train_HR'}"])) == 2


def test_the_first_part_is_never_a_test_set():
    for name, layout in LAYOUTS.items():
        assert next(iter(layout.splits)) == "train", name


def test_scale_travels_with_the_pair(everything):
    found = entries([f"div2k-x2:{everything}"], PAIRS)
    assert {entry.scale for entry in found} == {2}


def test_sice_takes_the_darker_half_of_each_stack(tmp_path):
    stack = [f"Dataset_Part1/12/{i}.JPG" for i in range(1, 8)]
    other = [f"Dataset_Part1/3/{i}.JPG" for i in (10, 9, 2, 1)]
    labels = ["Dataset_Part1/Label/12.JPG", "Dataset_Part1/Label/3.JPG"]
    make(tmp_path, [*stack, *other, *labels, "Dataset_Part2/1/1.JPG"])
    survey = survey_source(f"sice:{tmp_path}", PAIRS)
    assert [entry.name for entry in survey.entries] == [*stack[:3], *reversed(other[2:])]
    assert str(survey.entries[0].target) == str(tmp_path / labels[0])
    assert not survey.gaps
    make(tmp_path, ["Dataset_Part2/1/2.JPG"])
    with pytest.raises(InputError, match=r"the input 'Dataset_Part2/1/1.JPG' has no target"):
        entries([f"sice:test:{tmp_path}"], PAIRS)


@pytest.mark.parametrize(
    ("file", "lines"),
    [
        ("list_eval_partition.txt", "000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n"),
        (
            "Eval/list_eval_partition.csv",
            "image_id,partition\n000001.jpg,0\n000002.jpg,1\n000003.jpg,2\n",
        ),
    ],
)
def test_celeba_is_parted_by_its_list(file, lines, tmp_path):
    make(tmp_path, [f"img_align_celeba/00000{i}.jpg" for i in (1, 2, 3)])
    with pytest.raises(InputError, match=r"list_eval_partition.txt is missing"):
        entries([f"celeba:{tmp_path}"])
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(lines)
    for part, number in (("", 1), ("valid:", 2), ("test:", 3)):
        (entry,) = entries([f"celeba:{part}{tmp_path}"])
        assert entry.name == f"img_align_celeba/00000{number}.jpg"


def test_what_is_not_as_published_is_noted(tmp_path):
    make(tmp_path, [f"DIV2K_train_HR/{i:04}.png" for i in range(1, 801) if i not in (3, 77)])
    survey = survey_source(f"div2k:{tmp_path}", Reading())
    assert survey.notes == ["798 of 800 published pictures are there, not number 3, 77"]
    make(tmp_path, ["DIV2K_train_HR/0003.png", "DIV2K_train_HR/0077.png"])
    assert not survey_source(f"div2k:{tmp_path}", Reading()).notes
    make(tmp_path, ["our485/low/2.png", "our485/high/2.png"])
    assert survey_source(f"lol:{tmp_path}", PAIRS).notes == [
        "1 of 485 published pictures are there"
    ]


def test_a_lost_partner_is_named(everything, tmp_path):
    make(tmp_path, ["our485/low/2.png", "our485/high/3.png"])
    survey = survey_source(f"lol:{tmp_path}", PAIRS)
    assert [gap.name for gap in survey.gaps] == ["our485/low/2.png", "our485/high/3.png"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("div3k:{}", "no layout is called 'div3k'; there are: div2k, div2k-x2"),
        ("div2k:vaild:{}", "the layout 'div2k' has no part 'vaild'; it has: train, valid"),
        ("lfw:{}", "the layout 'lfw' has no pairs"),
    ],
)
def test_wrong_names(source, message, everything):
    with pytest.raises(UsageError, match=message):
        entries([source.format(everything)], PAIRS)


def test_nothing_of_the_set(tmp_path):
    with pytest.raises(InputError, match="there is no part 'train' of the layout 'div2k' in it"):
        entries([f"div2k:{tmp_path}"])


def test_a_path_that_exists_is_no_layout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "div2k:mine", ["a.png"])
    assert [entry.name for entry in entries(["div2k:mine"])] == ["a.png"]
