"""rclone: sync there and back, check, server-side copy and move, purge."""

import tree
from harness import Suite, bucket_of, equal, payload, run

suite = Suite("rclone")


def environment(gateway):
    """rclone refuses to start where AWS_CA_BUNDLE is set; it has a word of its own for the CA."""
    return {name: value for name, value in gateway.environment().items() if name != "AWS_CA_BUNDLE"}


def rclone(gateway, scratch, *words, check=True, stdin=None):
    who = gateway.people["app"]
    config = scratch / "rclone.conf"
    config.write_text(
        "[it]\ntype = s3\nprovider = Other\nforce_path_style = true\n"
        f"endpoint = {gateway.endpoint}\nregion = {gateway.region}\n"
        f"access_key_id = {who['access_key']}\nsecret_access_key = {who['secret_key']}\nupload_cutoff = 8M\nchunk_size = 5M\n"
    )
    trust = ["--ca-cert", gateway.ca] if gateway.ca else []
    fixed = ["rclone", "--config", config, *trust, "--retries", "1", "--low-level-retries", "2", "-q"]
    return run([*fixed, *words], check=check, env=environment(gateway), stdin=stdin)


@suite.case
def a_tree_goes_there_and_back(gateway, scratch):
    tree.grow(scratch / "up")
    with bucket_of(gateway.client(), "rc") as bucket:
        rclone(gateway, scratch, "sync", scratch / "up", f"it:{bucket}/t")
        rclone(gateway, scratch, "check", "--download", scratch / "up", f"it:{bucket}/t")
        rclone(gateway, scratch, "copy", f"it:{bucket}/t", scratch / "down")
        tree.same(scratch / "up", scratch / "down")
        listed = rclone(gateway, scratch, "lsf", "-R", "--files-only", f"it:{bucket}/t").stdout.decode().splitlines()
        equal(sorted(listed), sorted(tree.NAMES), "listing")
        # Modification times stand in the metadata, so a second sync sends nothing.
        before = gateway.client().head_object(Bucket=bucket, Key="t/one")["LastModified"]
        rclone(gateway, scratch, "sync", scratch / "up", f"it:{bucket}/t")
        equal(gateway.client().head_object(Bucket=bucket, Key="t/one")["LastModified"], before, "not sent again")


@suite.case
def files_move_within_the_server(gateway, scratch):
    tree.grow(scratch / "up")
    with bucket_of(gateway.client(), "rc") as bucket:
        rclone(gateway, scratch, "copy", scratch / "up" / "dir", f"it:{bucket}/a")
        rclone(gateway, scratch, "move", f"it:{bucket}/a", f"it:{bucket}/b")
        equal(rclone(gateway, scratch, "lsf", "-R", "--files-only", f"it:{bucket}/a", check=False).stdout, b"", "source")
        rclone(gateway, scratch, "check", "--download", scratch / "up" / "dir", f"it:{bucket}/b")
        middle = rclone(gateway, scratch, "cat", "--offset", "16380", "--count", "20", f"it:{bucket}/b/multi.bin").stdout
        equal(middle, (scratch / "up/dir/multi.bin").read_bytes()[16380:16400], "range")
        said = rclone(gateway, scratch, "size", "--json", f"it:{bucket}").stdout
        assert b'"count":3' in said.replace(b" ", b""), said
        rclone(gateway, scratch, "purge", f"it:{bucket}/b")
        rclone(gateway, scratch, "mkdir", f"it:{bucket}-made")
        rclone(gateway, scratch, "rmdir", f"it:{bucket}-made")


@suite.case
def a_pipe_of_unknown_length_is_stored(gateway, scratch):
    body = payload(7_000_000)
    with bucket_of(gateway.client(), "rc") as bucket:
        rclone(gateway, scratch, "rcat", f"it:{bucket}/piped", stdin=body)
        equal(gateway.client().get_object(Bucket=bucket, Key="piped")["Body"].read(), body, "body")


if __name__ == "__main__":
    suite.main()
