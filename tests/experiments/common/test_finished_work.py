from __future__ import annotations

from pathlib import Path

from wattward.experiments.common.finished_work import read_finished, write_finished


def test_finished_work_is_read_as_it_was_written_or_not_at_all(tmp_path: Path) -> None:
    path, data = tmp_path / "x.json", {"rows": [{"a": 0.1 + 0.2, "b": None, "c": "ü"}], "n": 3}
    write_finished(path, data)
    assert read_finished(path) == data
    text = path.read_text(encoding="utf-8")
    for altered in (text.replace("3", "4", 1), text.replace('"n"', '"m"'), text[:-3], "[]", "5", '{"content": 5}'):
        assert altered != text
        path.write_text(altered, encoding="utf-8")
        assert read_finished(path) is None
