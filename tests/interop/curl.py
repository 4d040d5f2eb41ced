"""curl: SigV4 by its own signer, HTTP/1.1 and HTTP/2, presigned URLs, refusals of large bodies."""

import tree
from harness import MIB, Suite, bucket_of, equal, payload, run

suite = Suite("curl")


def curl(gateway, *words, person="app", check=True):
    who = gateway.people[person]
    trust = ["--cacert", gateway.ca] if gateway.ca else []
    fixed = ["curl", "-sS", "--max-time", "120", *trust, "--aws-sigv4", f"aws:amz:{gateway.region}:s3"]
    return run([*fixed, "-u", f"{who['access_key']}:{who['secret_key']}", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", *words], check=check)


def versions(gateway):
    return ["--http1.1", "--http2"] if gateway.ca else ["--http1.1"]


@suite.case
def files_go_up_and_down_over_both_protocols(gateway, scratch):
    tree.grow(scratch)
    with bucket_of(gateway.client()) as bucket:
        for version in versions(gateway):
            for name in ("empty", "one", "edge-16385", "dir/multi.bin"):
                url = f"{gateway.endpoint}/{bucket}/{name}"
                said = curl(gateway, version, "-f", "-T", scratch / name, url, "-w", "%{http_version} %{http_code}").stdout.split()
                equal(said, [b"2" if version == "--http2" else b"1.1", b"200"], f"put of {name}")
                equal(curl(gateway, version, "-f", url).stdout, (scratch / name).read_bytes(), f"get of {name}")
            part = curl(gateway, version, "-f", "-r", "16380-16390", f"{gateway.endpoint}/{bucket}/dir/multi.bin").stdout
            equal(part, (scratch / "dir/multi.bin").read_bytes()[16380:16391], "range")
            head = curl(gateway, version, "-f", "-I", f"{gateway.endpoint}/{bucket}/one").stdout.lower()
            assert b"content-length: 1\r\n" in head and b"etag:" in head, head
            curl(gateway, version, "-f", "-X", "DELETE", f"{gateway.endpoint}/{bucket}/one")


@suite.case
def presigned_urls_carry_files(gateway, scratch):
    (scratch / "f").write_bytes(payload(3 * MIB))
    trust = ["--cacert", gateway.ca] if gateway.ca else []
    s3 = gateway.client(signature_version="s3v4")
    with bucket_of(s3) as bucket:
        here = {"Bucket": bucket, "Key": "署名 +.bin"}
        put = s3.generate_presigned_url("put_object", Params=here, ExpiresIn=60)
        get = s3.generate_presigned_url("get_object", Params=here, ExpiresIn=60)
        for version in versions(gateway):
            run(["curl", "-sS", "-f", version, *trust, "-T", scratch / "f", put])
            equal(run(["curl", "-sS", "-f", version, *trust, get]).stdout, payload(3 * MIB), "body")


@suite.case
def a_large_refused_body_shows_its_code(gateway, scratch):
    if not gateway.is_hozon:
        return
    (scratch / "f").write_bytes(payload(100 * MIB))
    url = f"{gateway.endpoint}/{gateway.facts['bucket']}/refused"
    for version in versions(gateway):
        # curl asks with Expect: 100-continue by itself; without it, see refusals.py.
        said = curl(gateway, version, "-T", scratch / "f", url, person="clerk", check=False)
        assert b"<Code>AccessDenied</Code>" in said.stdout, (version, said.stdout[-300:], said.stderr[-300:])


@suite.case
def listings_are_xml(gateway, _):
    with bucket_of(gateway.client()) as bucket:
        gateway.client().put_object(Bucket=bucket, Key="a<b>&c", Body=b"x")
        said = curl(gateway, "-f", f"{gateway.endpoint}/{bucket}?list-type=2").stdout
        assert b"<Key>a&lt;b&gt;&amp;c</Key>" in said, said


@suite.case
def only_modern_tls_is_spoken(gateway, _):
    if not gateway.ca:
        return
    old = run(["curl", "-sS", "--cacert", gateway.ca, "--tls-max", "1.2", f"{gateway.endpoint}/-/healthz"], check=False)
    assert old.returncode != 0, "TLS 1.2 was let in"
    plain = run(["curl", "-sS", f"http://{gateway.url.netloc}/-/healthz"], check=False)
    assert b"ok" not in plain.stdout.lower() or plain.returncode != 0, "plain HTTP was let in"


if __name__ == "__main__":
    suite.main()
