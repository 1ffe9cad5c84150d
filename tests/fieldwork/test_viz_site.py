from __future__ import annotations

from pathlib import Path

from fieldwork.viz_site import strip_paths


def test_a_published_page_holds_no_path_of_this_machine(tmp_path: Path) -> None:
    nodes = tmp_path / "build/api/nodes"
    nodes.mkdir(parents=True)
    (nodes / "a1").write_text(f'{{"filepath":"{tmp_path.as_posix()}/data/scenes","name":"scenes"}}')
    (nodes / "a2").write_text('{"name":"other"}')
    assert strip_paths(tmp_path / "build", tmp_path) == 1
    assert (nodes / "a1").read_text() == '{"filepath":"data/scenes","name":"scenes"}'
    assert (nodes / "a2").read_text() == '{"name":"other"}'
