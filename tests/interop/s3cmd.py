"""s3cmd: an old client with ideas of its own about ETags, headers and multipart."""

import hashlib

import tree
from harness import MIB, Suite, bucket_of, equal, payload, run

suite = Suite("s3cmd")


def s3cmd(gateway, scratch, *words, person="app", check=True):
    who = gateway.people[person]
    config = scratch / f"s3cfg-{person}"
    host = gateway.url.netloc
    config.write_text(
        f"[default]\naccess_key = {who['access_key']}\nsecret_key = {who['secret_key']}\nhost_base = {host}\nhost_bucket = {host}\n"
        f"bucket_location = {gateway.region}\nsignature_v2 = False\nuse_https = {gateway.url.scheme == 'https'}\n"
        f"ca_certs_file = {gateway.ca or ''}\nmultipart_chunk_size_mb = 5\nmax_retries = 1\n"
    )
    return run(["s3cmd", "-c", config, "--no-progress", *words], check=check, env=gateway.environment(person))


@suite.case
def a_tree_goes_there_and_back(gateway, scratch):
    tree.grow(scratch / "up")
    with bucket_of(gateway.client(), "sc") as bucket:
        s3cmd(gateway, scratch, "sync", f"{scratch / 'up'}/", f"s3://{bucket}/t/")
        (scratch / "down").mkdir()
        s3cmd(gateway, scratch, "sync", f"s3://{bucket}/t/", f"{scratch / 'down'}/")
        tree.same(scratch / "up", scratch / "down")
        rows = s3cmd(gateway, scratch, "ls", "-r", f"s3://{bucket}/t/").stdout.decode().splitlines()
        equal(len(rows), len(tree.NAMES), "listed rows")


@suite.case
def a_multipart_body_comes_back(gateway, scratch):
    body = payload(100 * MIB)
    (scratch / "f").write_bytes(body)
    with bucket_of(gateway.client(), "sc") as bucket:
        s3cmd(gateway, scratch, "put", scratch / "f", f"s3://{bucket}/big")
        s3cmd(gateway, scratch, "get", f"s3://{bucket}/big", scratch / "g")
        equal(hashlib.sha256((scratch / "g").read_bytes()).digest(), hashlib.sha256(body).digest(), "digest")
        s3cmd(gateway, scratch, "cp", f"s3://{bucket}/big", f"s3://{bucket}/copy")
        s3cmd(gateway, scratch, "mv", f"s3://{bucket}/copy", f"s3://{bucket}/moved")
        told = s3cmd(gateway, scratch, "info", f"s3://{bucket}/moved").stdout.decode()
        assert f"File size: {len(body)}" in told, told
        s3cmd(gateway, scratch, "del", "-r", "-f", f"s3://{bucket}/")


@suite.case
def buckets_and_info_and_du(gateway, scratch):
    with bucket_of(gateway.client(), "sc") as bucket:
        s3cmd(gateway, scratch, "mb", f"s3://{bucket}-two")
        assert f"s3://{bucket}-two" in s3cmd(gateway, scratch, "ls").stdout.decode()
        s3cmd(gateway, scratch, "info", f"s3://{bucket}-two")
        s3cmd(gateway, scratch, "rb", f"s3://{bucket}-two")
        said = s3cmd(gateway, scratch, "du", f"s3://{bucket}").stdout.decode().split()
        equal(said[0], "0", "size")


@suite.case
def a_refusal_shows_its_code(gateway, scratch):
    if not gateway.is_hozon:
        return
    (scratch / "f").write_bytes(payload(100 * MIB))
    target = f"s3://{gateway.facts['bucket']}/refused"
    for extra in ([], ["--disable-multipart"]):
        said = s3cmd(gateway, scratch, *extra, "put", scratch / "f", target, person="clerk", check=False)
        words = (said.stdout + said.stderr).decode()
        assert said.returncode != 0 and ("AccessDenied" in words or "403" in words), words[-400:]


if __name__ == "__main__":
    suite.main()
