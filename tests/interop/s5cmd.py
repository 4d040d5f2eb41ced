"""s5cmd: parallel copies, sync, listing, pipe and batch files."""

import os

import tree
from harness import Suite, bucket_of, equal, payload, run

suite = Suite("s5cmd")
PROGRAM = os.environ.get("S5CMD", "s5cmd")


def s5cmd(gateway, *words, stdin=None, check=True):
    return run([PROGRAM, "--endpoint-url", gateway.endpoint, "-r", "1", *words], env=gateway.environment(), stdin=stdin, check=check)


@suite.case
def a_tree_goes_there_and_back(gateway, scratch):
    tree.grow(scratch / "up")
    with bucket_of(gateway.client(), "s5") as bucket:
        s5cmd(gateway, "cp", "--part-size", "5", f"{scratch / 'up'}/", f"s3://{bucket}/t/")
        s5cmd(gateway, "cp", "--part-size", "5", f"s3://{bucket}/t/*", f"{scratch / 'down'}/")
        tree.same(scratch / "up", scratch / "down")
        rows = s5cmd(gateway, "ls", f"s3://{bucket}/t/*").stdout.decode().splitlines()
        equal(len(rows), len(tree.NAMES), "listed rows")
        again = s5cmd(gateway, "sync", "--size-only", f"{scratch / 'up'}/", f"s3://{bucket}/t/").stdout
        equal(again, b"", "nothing to sync")


@suite.case
def objects_are_copied_moved_piped_and_removed(gateway, _):
    with bucket_of(gateway.client(), "s5") as bucket:
        body = payload(6_000_000)
        s5cmd(gateway, "pipe", f"s3://{bucket}/piped", stdin=body)
        equal(s5cmd(gateway, "cat", f"s3://{bucket}/piped").stdout, body, "cat")
        s5cmd(gateway, "cp", f"s3://{bucket}/piped", f"s3://{bucket}/copied")
        s5cmd(gateway, "mv", f"s3://{bucket}/copied", f"s3://{bucket}/moved")
        said = s5cmd(gateway, "du", f"s3://{bucket}/*").stdout.decode()
        assert said.startswith("12000000 bytes in 2 objects"), said
        s5cmd(gateway, "head", f"s3://{bucket}/moved")
        s5cmd(gateway, "rm", f"s3://{bucket}/*")
        equal(gateway.client().list_objects_v2(Bucket=bucket)["KeyCount"], 0, "left")


@suite.case
def buckets_are_made_listed_and_removed(gateway, _):
    with bucket_of(gateway.client(), "s5") as bucket:
        s5cmd(gateway, "mb", f"s3://{bucket}-two")
        assert f"s3://{bucket}-two" in s5cmd(gateway, "ls").stdout.decode()
        s5cmd(gateway, "rb", f"s3://{bucket}-two")


if __name__ == "__main__":
    suite.main()
