"""Rasters are found by pattern and joined by key, never by position or by a part of their name."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from groundwork.data.sample_table import split_files
from groundwork.errors import PairingError
from groundwork.rasters.folder import RasterFolder, find_rasters, pair, preview


def _touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_names_of_which_one_contains_the_other_are_never_mixed_up(tmp_path: Path) -> None:
    images = find_rasters(_touch(tmp_path / "i", "1.tif", "11.tif", "111.tif", "a1.tif"), ["{key}.tif"])
    labels = find_rasters(_touch(tmp_path / "l", "11.png", "a1.png", "1.png", "111.png"), ["{key}.png"])
    assert pair(images, labels) == ["1", "11", "111", "a1"]
    for key in ("1", "11", "111", "a1"):
        assert images.paths(key) == (tmp_path / "i" / f"{key}.tif",)
        assert labels.paths(key) == (tmp_path / "l" / f"{key}.png",)


def test_one_partner_does_not_stand_in_for_another(tmp_path: Path) -> None:
    images = find_rasters(_touch(tmp_path / "i", "1.tif", "2.tif"), ["{key}.tif"])
    labels = find_rasters(_touch(tmp_path / "l", "11.tif", "2.tif"), ["{key}.tif"])
    with pytest.raises(PairingError) as caught:
        pair(images, labels)
    text = str(caught.value)
    assert f"1 image(s) in {tmp_path / 'i'} without a label: '1'" in text
    assert f"1 label(s) in {tmp_path / 'l'} without an image: '11'" in text
    assert "Found 2 images and 2 labels; each image needs the label of the same key." in text
    assert "Add or remove files, or correct the patterns." in text


def test_missing_partners_are_listed_and_counted() -> None:
    images = RasterFolder(Path("i"), {f"{number:02d}": (f"{number:02d}.tif",) for number in range(25)})
    labels = RasterFolder(Path("l"), {"00": ("00.tif",)})
    with pytest.raises(PairingError, match=r"24 image.* without a label: '01', '02', .*'10' and 14 more"):
        pair(images, labels)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("{key}_s2.tif", {"a": ("a_s2.tif",), "b_s2": ("b_s2_s2.tif",)}),
        ("{key}/B02.tif", {"p": ("p/B02.tif",)}),
        ("{key}/{key}.tif", {"p": ("p/p.tif",)}),
        ("{KEY}.tif", None),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, expected: dict[str, tuple[str, ...]] | None) -> None:
    _touch(tmp_path, "a_s2.tif", "b_s2_s2.tif", "a_s2.tif.aux.xml", "p/B02.tif", "p/p.tif", "q/p.tif")
    if expected is None:
        with pytest.raises(PairingError, match=r"Pattern '{KEY}.tif' .*lacks '{key}', such as in '{key}.tif'"):
            find_rasters(tmp_path, [pattern])
    else:
        assert find_rasters(tmp_path, [pattern]).files == expected


def test_special_characters_in_patterns_and_names_are_plain_text(tmp_path: Path) -> None:
    name = "name with spaces & ünïcode (1).TIF"
    assert find_rasters(_touch(tmp_path, name, "x+y.tif"), ["{key}.tif"]).files == {
        "name with spaces & ünïcode (1)": (name,),
        "x+y": ("x+y.tif",),
    }
    assert find_rasters(tmp_path, ["x+{key}.tif"]).files == {"y": ("x+y.tif",)}


def test_two_files_of_one_key_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PairingError, match=r"found 'a.TIF' and 'a.tif' for one key 'a'; expected one file"):
        find_rasters(_touch(tmp_path, "a.tif", "a.TIF"), ["{key}.tif"])


def test_a_star_passes_over_what_varies_beside_the_key(tmp_path: Path) -> None:
    product = "S2A_MSIL2A_20250601T101031_N0511_R022_{tile}_20250601T1615{second}.SAFE"
    inside = "GRANULE/L2A_{tile}_A0519{second}_20250601T101027/IMG_DATA/R10m/{tile}_20250601T101031_{band}_10m.jp2"
    names = [
        f"{product}/{inside}".format(tile=tile, second=second, band=band)
        for tile, second in (("T32UQD", "11"), ("T33UUU", "12"))
        for band in ("B02", "B03", "TCI")
    ]
    patterns = [f"*_{{key}}_*.SAFE/GRANULE/*/IMG_DATA/R10m/*_{band}_10m.jp2" for band in ("B03", "B02")]
    folder = find_rasters(_touch(tmp_path, *names), patterns)
    assert folder.files == {"T32UQD": (names[1], names[0]), "T33UUU": (names[4], names[3])}


def test_a_star_stays_within_one_name(tmp_path: Path) -> None:
    folder = find_rasters(_touch(tmp_path, "a/x.tif", "a/deep/y.tif"), ["{key}/*.tif"])
    assert folder.files == {"a": ("a/x.tif",)}


def test_a_star_that_takes_two_files_of_one_key_is_refused(tmp_path: Path) -> None:
    _touch(tmp_path, "a_v1.tif", "a_v2.tif")
    with pytest.raises(
        PairingError, match=r"for one key 'a'; expected one file\. Make the pattern say which of them is"
    ):
        find_rasters(tmp_path, ["{key}_v*.tif"])


def test_several_files_per_raster_keep_the_order_of_the_patterns(tmp_path: Path) -> None:
    _touch(tmp_path, "s1_B03.tif", "s1_B02.tif", "s2_B02.tif", "s2_B03.tif")
    folder = find_rasters(tmp_path, ["{key}_B03.tif", "{key}_B02.tif"])
    assert folder.files["s1"] == ("s1_B03.tif", "s1_B02.tif")
    assert tuple(tmp_path / name for name in split_files("s1_B03.tif|s1_B02.tif")) == folder.paths("s1")


def test_a_raster_that_lacks_one_of_its_files_is_named(tmp_path: Path) -> None:
    _touch(tmp_path, "s1_B02.tif", "s2_B02.tif", "s2_B03.tif")
    with pytest.raises(PairingError, match=r"found no file '{key}_B03.tif' for 's1'; each raster needs all its files"):
        find_rasters(tmp_path, ["{key}_B02.tif", "{key}_B03.tif"])


def test_a_single_file_is_a_folder_of_one(tmp_path: Path) -> None:
    folder = find_rasters(_touch(tmp_path, "scene.tif") / "scene.tif", ["{key}.tif"])
    assert folder.paths("scene") == (tmp_path / "scene.tif",)


def test_folders_without_rasters_are_named(tmp_path: Path) -> None:
    with pytest.raises(PairingError, match=r"nowhere: found no such folder; .*Correct its path"):
        find_rasters(tmp_path / "nowhere", ["{key}.tif"])
    _touch(tmp_path, "a.jp2")
    with pytest.raises(PairingError, match=r"found no file that matches \['{key}.tif'\]; files there: 'a.jp2'"):
        find_rasters(tmp_path, ["{key}.tif"])


def test_an_unknown_key_is_named(tmp_path: Path) -> None:
    folder = find_rasters(_touch(tmp_path, "a.tif"), ["{key}.tif"])
    with pytest.raises(PairingError, match="found no raster with key 'b'; keys found: 'a'"):
        folder.paths("b")


def test_rasters_that_match_no_pattern_are_mentioned(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _touch(tmp_path, "a.tif", "b.tiff", "notes.txt")
    with caplog.at_level(logging.WARNING):
        find_rasters(tmp_path, ["{key}.tif"])
    assert "1 raster(s) do not match the pattern: 'b.tiff'" in caplog.text


def test_preview() -> None:
    assert preview([]) == "none"
    assert preview(["a", "b", "c"], most=2) == "'a', 'b' and 1 more"


def test_linked_folders_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    _touch(tmp_path / "s", "k1/B.tif")
    _touch(tmp_path / "elsewhere", "B.tif", ".hidden.tif")
    (tmp_path / "s" / "k2").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "s" / "k1" / "up").symlink_to(tmp_path / "s")
    assert find_rasters(tmp_path / "s", ["{key}/B.tif"]).files == {"k1": ("k1/B.tif",), "k2": ("k2/B.tif",)}


def test_a_link_to_nothing_is_refused(tmp_path: Path) -> None:
    _touch(tmp_path, "a.tif")
    (tmp_path / "b.tif").symlink_to(tmp_path / "gone.tif")
    with pytest.raises(PairingError, match=r"b.tif: found a link to '.*gone.tif', which does not exist"):
        find_rasters(tmp_path, ["{key}.tif"])


def test_a_folder_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _touch(tmp_path, "a.tif", "closed/b.tif")
    scan = os.scandir

    def scandir(path: str | Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    # The super-user may read everything, so that taking away permissions would show nothing.
    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(PairingError, match=r"closed: found a folder that cannot be read \(Permission denied\)"):
        find_rasters(tmp_path, ["{key}.tif"])


@pytest.mark.parametrize(
    ("name", "message"),
    [(b"a|b.tif", r"a\|b.tif'; '\|' separates files"), (b"\xe4.tif", r"found a file '\?.tif' whose name is no UTF-8")],
)
def test_names_that_no_table_can_hold_are_refused(tmp_path: Path, name: bytes, message: str) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    with pytest.raises(PairingError, match=message):
        find_rasters(tmp_path, ["{key}.tif"])
