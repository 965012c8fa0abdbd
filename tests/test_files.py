import os
import stat

import pytest

from zscape.files import remove_leftovers, whole_file, whole_folder, write_json, write_text


def test_a_file_appears_whole(tmp_path):
    target = tmp_path / "deep" / "a.txt"
    with whole_file(target) as temporary:
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert os.listdir(target.parent) == ["a.txt"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")

    def write_half():
        with whole_file(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        write_half()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_the_file_has_the_permissions_of_any_other(tmp_path):
    write_text(tmp_path / "ours", "x")
    (tmp_path / "theirs").write_text("x")
    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == stat.S_IMODE(
        (tmp_path / "theirs").stat().st_mode
    )


def anything(path):
    """A check that lets every folder be replaced."""


def test_a_folder_appears_whole_in_place_of_the_old_one(tmp_path):
    target = tmp_path / "deep" / "set"
    for name in ("first", "second"):
        with whole_folder(target, check=anything) as hidden:
            (hidden / name).touch()
            assert not (target / name).exists()
        assert os.listdir(target) == [name]
    assert os.listdir(target.parent) == ["set"]


@pytest.mark.parametrize("late", [False, True], ids=["while filling", "in the check"])
def test_an_error_leaves_the_old_folder_and_nothing_else(tmp_path, late):
    target = tmp_path / "set"
    target.mkdir()
    (target / "old").touch()

    def refuse(path):
        assert path == target
        raise RuntimeError("stop")

    def fill():
        with whole_folder(target, check=refuse) as hidden:
            (hidden / "new").touch()
            if not late:
                raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fill()
    assert os.listdir(tmp_path) == ["set"]
    assert os.listdir(target) == ["old"]


def test_json_refuses_what_is_not_json(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", {"value": float("nan")})
    assert not (tmp_path / "a.json").exists()


def test_what_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / "kept").touch()
    with whole_file(tmp_path / "a.txt"), whole_folder(tmp_path / "set", check=anything):
        assert len(os.listdir(tmp_path)) == 3
        # As if the process had been killed here.
        left = {path: path.is_dir() for path in tmp_path.iterdir() if path.name.startswith(".")}
    for path, folder in left.items():
        if folder:
            (path / "deep").mkdir(parents=True)
        else:
            path.touch()
    remove_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "kept", "set"]
