"""The AWS CLI, both generations: the new one sends integrity trailers, the old one does not.

AWS_CLIS names the programs, separated by colons; without it, `aws` from the path.
"""

import hashlib
import json
import os
import urllib.request
import ssl

import tree
from harness import MIB, Suite, bucket_of, equal, payload, run

suite = Suite("aws cli")


def clis():
    return os.environ.get("AWS_CLIS", "aws").split(":")


def configured(gateway, scratch, person="app"):
    """An environment with a config file of its own, SigV4 for presigning and no other profile."""
    config = scratch / "aws.ini"
    config.write_text("[default]\ns3 =\n  addressing_style = path\n  signature_version = s3v4\n  multipart_chunksize = 8MB\n")
    empty = scratch / "credentials"
    empty.write_text("")
    return {**gateway.environment(person), "AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(empty), "HOME": str(scratch)}


def each(gateway, scratch):
    """One way to call each generation, with a bucket of its own."""
    for number, program in enumerate(clis()):
        env = configured(gateway, scratch)
        here = scratch / str(number)
        here.mkdir()
        with bucket_of(gateway.client(), "cli") as bucket:

            def aws(*words, program=program, check=True):
                return run([program, "--endpoint-url", gateway.endpoint, *words], env=env, check=check)

            yield aws, bucket, here


@suite.case
def sync_carries_a_tree_there_and_back(gateway, scratch):
    for aws, bucket, here in each(gateway, scratch):
        tree.grow(here / "up")
        aws("s3", "sync", here / "up", f"s3://{bucket}/t")
        again = aws("s3", "sync", here / "up", f"s3://{bucket}/t", "--size-only").stdout
        equal(again.strip(), b"", "a second sync has nothing to do")
        aws("s3", "sync", f"s3://{bucket}/t", here / "down")
        tree.same(here / "up", here / "down")
        (here / "up" / "one").unlink()
        aws("s3", "sync", here / "up", f"s3://{bucket}/t", "--delete", "--size-only")
        names = aws("s3", "ls", f"s3://{bucket}/t/", "--recursive").stdout.decode()
        assert " t/one\n" not in names and "t/dir/deep/er/file.bin" in names, names
        aws("s3", "rm", f"s3://{bucket}/t", "--recursive")
        left = aws("s3", "ls", f"s3://{bucket}", check=False).stdout
        equal(left, b"", "after rm")


@suite.case
def cp_carries_a_hundred_mebibytes(gateway, scratch):
    for aws, bucket, here in each(gateway, scratch):
        body = payload(100 * MIB)
        (here / "up").write_bytes(body)
        aws("s3", "cp", here / "up", f"s3://{bucket}/big", "--metadata", "note=x")
        aws("s3", "cp", f"s3://{bucket}/big", f"s3://{bucket}/copy")
        aws("s3", "cp", f"s3://{bucket}/copy", here / "down")
        equal(hashlib.sha256((here / "down").read_bytes()).digest(), hashlib.sha256(body).digest(), "digest")
        # The first generation leaves metadata behind when it copies in parts, so the source is asked.
        head = json.loads(aws("s3api", "head-object", "--bucket", bucket, "--key", "big").stdout)
        equal((head["ContentLength"], head["Metadata"]), (len(body), {"note": "x"}), "head")
        aws("s3", "mv", f"s3://{bucket}/copy", f"s3://{bucket}/moved")
        listed = aws("s3", "ls", f"s3://{bucket}/").stdout.decode().split()
        assert "moved" in listed and "copy" not in listed, listed


@suite.case
def streams_and_ranges_and_listings(gateway, scratch):
    for aws, bucket, here in each(gateway, scratch):
        (here / "f").write_bytes(payload(100_000))
        aws("s3", "cp", here / "f", f"s3://{bucket}/dir/f")
        equal(aws("s3", "cp", f"s3://{bucket}/dir/f", "-").stdout, payload(100_000), "to standard output")
        told = aws("s3api", "get-object", "--bucket", bucket, "--key", "dir/f", "--range", "bytes=16380-16390", here / "part").stdout
        equal((here / "part").read_bytes(), payload(100_000)[16380:16391], "range")
        assert json.loads(told)["ContentRange"] == "bytes 16380-16390/100000"
        equal(aws("s3", "ls", f"s3://{bucket}").stdout.split(), [b"PRE", b"dir/"], "directories")
        aws("s3", "ls")


@suite.case
def presigned_urls_of_the_cli_open(gateway, scratch):
    trust = ssl.create_default_context(cafile=gateway.ca) if gateway.ca else None
    for aws, bucket, here in each(gateway, scratch):
        (here / "f").write_bytes(b"presigned")
        aws("s3", "cp", here / "f", f"s3://{bucket}/a b+c")
        url = aws("s3", "presign", f"s3://{bucket}/a b+c", "--expires-in", "60").stdout.decode().strip()
        with urllib.request.urlopen(url, context=trust) as answer:
            equal(answer.read(), b"presigned", "body")


@suite.case
def a_refusal_shows_its_code(gateway, scratch):
    if not gateway.is_hozon:
        return
    for number, program in enumerate(clis()):
        env = configured(gateway, scratch, "clerk")
        (scratch / f"f{number}").write_bytes(payload(100 * MIB))
        target = f"s3://{gateway.facts['bucket']}/refused"
        said = run([program, "--endpoint-url", gateway.endpoint, "s3", "cp", scratch / f"f{number}", target], env=env, check=False)
        assert said.returncode != 0 and b"AccessDenied" in said.stderr, said.stderr[-400:]


if __name__ == "__main__":
    suite.main()
