from __future__ import annotations

from pathlib import Path

import pytest

from groundwork.cli.checking import read_file
from groundwork.cli.reading import read_mapping
from groundwork.cli.serving import read_serving
from groundwork.config.serving import ServingConfig
from groundwork.errors import DataError


@pytest.mark.parametrize("read", [read_mapping, read_file, read_serving])
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.yml", b"a: 1\nb: [1, 2", r"a\.yml, line [23], column \d+: this is no valid YAML: "),
        ("a.yml", b"- 1", r"a\.yml: found no keys with values\."),
        ("a.yml", b"name: \xff", r"a\.yml is no text in UTF-8 .*Save it as UTF-8\."),
        ("a.json", b'{"a": 1,', r"a\.json: this is no valid JSON: "),
        ("none.yml", None, r"none\.yml: found no such file\. Correct the path\."),
        ("a.yml", "folder", r"a\.yml cannot be read: Is a directory\."),
    ],
)
def test_a_file_that_cannot_be_read_is_one_message_whatever_command_reads_it(
    tmp_path: Path, read: object, name: str, content: bytes | str | None, message: str
) -> None:
    file = tmp_path / name
    if content == "folder":
        file.mkdir()
    elif isinstance(content, bytes):
        file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(file)  # type: ignore[operator]


def test_values_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a":\t[1, null]}')
    (tmp_path / "a.yml").write_text("a: [1, null]\nrate: 1e-3\n")
    assert read_mapping(tmp_path / "a.json") == {"a": [1, None]}
    assert read_mapping(tmp_path / "a.yml") == {"a": [1, None], "rate": "1e-3"}
    # A file of LightningCLI means numbers as jsonargparse does.
    assert read_file(tmp_path / "a.yml")["rate"] == 0.001
    (tmp_path / "comments.yml").write_text("# Nothing is stated.\n")
    assert read_serving(tmp_path / "comments.yml") == ServingConfig()
