"""A folder of files to carry to a gateway and back, and how to compare two such folders."""

from harness import KIB, MIB, payload

NAMES = {
    "empty": 0,
    "one": 1,
    "edge-16383": 16 * KIB - 1,
    "edge-16384": 16 * KIB,
    "edge-16385": 16 * KIB + 1,
    "with space.txt": 100,
    "plus+and%25.txt": 200,
    "dir/deep/er/file.bin": 70 * KIB,
    "dir/日本語 カルテ.pdf": 300 * KIB,
    "dir/multi.bin": 17 * MIB + 3,
}


def grow(folder):
    """Writes the files."""
    for name, length in NAMES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(payload(length, name))


def same(left, right):
    """Asserts that two folders hold the same files with the same bytes."""
    found = {path.relative_to(right).as_posix() for path in right.rglob("*") if path.is_file()}
    wanted = {path.relative_to(left).as_posix() for path in left.rglob("*") if path.is_file()}
    assert found == wanted, f"only here: {sorted(found - wanted)}, missing: {sorted(wanted - found)}"
    for name in wanted:
        assert (left / name).read_bytes() == (right / name).read_bytes(), f"{name} differs"
