"""`groundwork models list` and `groundwork models show`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from groundwork.cli.listing import FAMILIES, list_tables
from groundwork.cli.main import main
from groundwork.models.encoders import VARIANTS


def test_listing_names_everything_without_loading_torch() -> None:
    code = (
        "import sys; from groundwork.cli.main import main; main(['models', 'list']);"
        "heavy = {'torch', 'numpy', 'rasterio', 'timm', 'torchgeo', 'pandas', 'pydantic'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for family, table in FAMILIES.items():
        assert f"\n{family}\n" in f"\n{done.stdout}"
        for name in table:
            line = next(line for line in done.stdout.splitlines() if line.split()[:1] == [name])
            assert len(line.split()) > 3, f"'{name}' has no description"
    assert done.stdout == list_tables()


def test_every_variant_is_listed() -> None:
    text = list_tables("encoder")
    assert "variant: prithvi_eo_v2_600_tl" in text
    assert text.count("variant: ") >= 8
    assert set(VARIANTS) <= set(FAMILIES["encoder"])
    assert "unet" not in list_tables("factory").split()[1:2]


def test_a_variant_is_shown_with_all_that_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "prithvi_eo_v2_300_tl", "out_indices=[5, 11, 17, 23]"]) == 0
    text = capsys.readouterr().out
    assert "[1024ch/16px, 1024ch/16px, 1024ch/16px, 1024ch/16px]" in text
    assert "Apache-2.0" in text
    assert "BLUE, GREEN, RED, NIR_NARROW, SWIR_1, SWIR_2" in text
    assert "1087, 1342, 1433, 2734, 1958, 1363" in text
    assert "pretrained: true or false; default false" in text
    assert "303,886,336" in text


def test_a_zoo_is_shown_with_a_model_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "timm", "--family", "encoder"]) == 0
    assert "groundwork models show timm model=..." in capsys.readouterr().out
    assert main(["models", "show", "timm", "model=resnet18", "bands=RED,NIR_NARROW", "--family", "encoder"]) == 0
    text = capsys.readouterr().out
    assert "[64ch/2px, 64ch/4px, 128ch/8px, 256ch/16px, 512ch/32px]" in text
    assert "RED, NIR_NARROW" in text


def test_a_name_of_two_families_is_shown_of_both(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "unet"]) == 0
    text = capsys.readouterr().out
    assert "unet (encoder)" in text
    assert "unet (decoder)" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pyramd"], "No component is named 'pyramd'. Did you mean 'pyramid'"),
        (["timm", "model=resnet81", "--family", "encoder"], "timm has no model 'resnet81'"),
        (["unet", "chanels=[8]"], "no option 'chanels'. Did you mean 'channels'"),
        (["timm", "modl=3", "--family", "encoder"], "'timm' has no option 'modl'. Did you mean 'model'"),
        (["fpn", "channels=3"], "Only encoders are shown with options; 'fpn' is none"),
        (["unet", "channels"], "Options are written key=value, found 'channels'"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", *arguments]) == 1
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err


def test_a_model_of_a_zoo_is_shown_by_its_name_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "resnet18"]) == 0
    text = capsys.readouterr().out
    assert "timm (encoder)" in text
    assert "digital_number, physical value = value of pre-training * 255" in text


@pytest.mark.parametrize("word", ["decoder", "decoders", "necks", "neck", "factories"])
def test_families_are_listed_in_the_singular_and_the_plural(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", word]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 3


def test_an_unknown_family_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["models", "list", "decodr"])
    assert "there is no family 'decodr'. Did you mean 'decoder'?" in capsys.readouterr().err
