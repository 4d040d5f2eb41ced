"""Requests that must be refused: without credentials, wrongly signed, out of time, out of bounds."""

import datetime
import hashlib
import socket
import ssl
import time

from harness import MIB, Suite, bucket_of, equal, payload
from sigv4 import (
    STREAMING,
    STREAMING_TRAILER,
    UNSIGNED,
    UNSIGNED_TRAILER,
    Signer,
    connection,
    request,
    send,
    unsigned_chunks,
)

suite = Suite("refusals")
NOW = lambda: datetime.datetime.now(datetime.timezone.utc)  # noqa: E731
DAY = 24 * 3600

# Every S3 operation by how it looks on the wire: method, whether it names a key, query.
OPERATIONS = [
    ("GET", None, []),
    *[("GET", "", [(name, "")]) for name in "acl cors encryption lifecycle location logging notification policy versioning".split()],
    *[("GET", "", [(name, "")]) for name in "policyStatus publicAccessBlock object-lock ownershipControls replication".split()],
    *[("GET", "", [(name, "")]) for name in "requestPayment tagging uploads versions website accelerate analytics".split()],
    *[("GET", "", [(name, "")]) for name in "intelligent-tiering inventory metrics metadataTable session abac".split()],
    ("GET", "", []),
    ("GET", "", [("list-type", "2")]),
    ("HEAD", "", []),
    ("PUT", "", []),
    *[("PUT", "", [(name, "")]) for name in "acl cors encryption lifecycle logging notification policy versioning tagging".split()],
    *[("PUT", "", [(name, "")]) for name in "publicAccessBlock object-lock ownershipControls replication website accelerate".split()],
    *[("PUT", "", [(name, "")]) for name in "requestPayment analytics intelligent-tiering inventory metrics abac".split()],
    ("DELETE", "", []),
    *[("DELETE", "", [(name, "")]) for name in "cors encryption lifecycle policy tagging website replication".split()],
    ("POST", "", [("delete", "")]),
    ("POST", "", []),
    *[("GET", "k", [(name, "")]) for name in "acl attributes legal-hold retention tagging torrent".split()],
    ("GET", "k", []),
    ("GET", "k", [("versionId", "null")]),
    ("GET", "k", [("uploadId", "x")]),
    ("HEAD", "k", []),
    ("PUT", "k", []),
    *[("PUT", "k", [(name, "")]) for name in "acl legal-hold retention tagging encryption renameObject".split()],
    ("PUT", "k", [("partNumber", "1"), ("uploadId", "x")]),
    ("DELETE", "k", []),
    ("DELETE", "k", [("tagging", "")]),
    ("DELETE", "k", [("uploadId", "x")]),
    ("POST", "k", [("uploads", "")]),
    ("POST", "k", [("uploadId", "x")]),
    ("POST", "k", [("restore", "")]),
    ("POST", "k", [("select", ""), ("select-type", "2")]),
]


def path_of(bucket, key):
    return "/" if key is None else f"/{bucket}" + (f"/{key}" if key else "")


@suite.case
def every_operation_wants_credentials(gateway, _):
    bucket = gateway.facts["bucket"]
    for method, key, query in OPERATIONS:
        for at in (bucket, "no-such-bucket-here"):
            said = send(gateway, method, path_of(at, key), query)
            what = f"{method} {path_of(at, key)} {query}: {said}"
            if (method, key, query) == ("POST", "", []):
                # A browser's form carries its signature in the body; hozon takes no forms at all.
                assert said.status in (403, 405, 501), what
                continue
            assert said.status == 403, what
            assert method == "HEAD" or said.code == "AccessDenied", what


@suite.case
def every_operation_wants_the_right_secret(gateway, _):
    bucket = gateway.facts["bucket"]
    for method, key, query in OPERATIONS:
        said = request(gateway, method, path_of(bucket, key), query=query, secret="x" * 40)
        what = f"{method} {path_of(bucket, key)} {query}: {said}"
        assert said.status == 403 and (method == "HEAD" or said.code == "SignatureDoesNotMatch"), what
        said = request(gateway, method, path_of(bucket, key), query=query, access_key="AKIDOESNOTEXIST00000")
        what = f"{method} {path_of(bucket, key)} {query}: {said}"
        assert said.status == 403 and (method == "HEAD" or said.code == "InvalidAccessKeyId"), what


@suite.case
def a_changed_request_is_not_the_signed_one(gateway, _):
    path = f"/{gateway.facts['plain_bucket']}/k"
    signer = Signer(gateway)
    headers = signer.headers("PUT", path, [], {"host": gateway.url.netloc, "x-amz-meta-a": "1"}, hashlib.sha256(b"x").hexdigest())
    changes = [
        ("PUT", path + "2", [], headers),
        ("DELETE", path, [], headers),
        ("PUT", path, [("acl", "")], headers),
        ("PUT", path, [], {**headers, "x-amz-meta-a": "2"}),
        ("PUT", path, [], {**headers, "x-amz-date": (NOW() + datetime.timedelta(seconds=5)).strftime("%Y%m%dT%H%M%SZ")}),
    ]
    for method, where, query, sent in changes:
        send(gateway, method, where, query, sent, b"x").is_refusal("SignatureDoesNotMatch", status=403)
    send(gateway, "PUT", path, [], headers, b"y").is_refusal("XAmzContentSHA256Mismatch", status=400)


@suite.case
def what_is_not_signed_is_not_taken(gateway, _):
    path = f"/{gateway.facts['plain_bucket']}/k"
    said = request(gateway, "PUT", path, headers={"x-amz-meta-a": "1"}, leave_unsigned=["x-amz-meta-a"])
    said.is_refusal("AccessDenied", status=403)
    assert b"x-amz-meta-a" in said.body, said
    request(gateway, "PUT", path, headers={"x-hozon-purpose": "research"}, leave_unsigned=["x-hozon-purpose"]).is_refusal("AccessDenied")
    request(gateway, "PUT", path, leave_unsigned=["host"]).is_refusal("AccessDenied", "SignatureDoesNotMatch", "AuthorizationHeaderMalformed")
    # A presigned URL that somebody adds a header to.
    signer = Signer(gateway)
    query = signer.presigned("PUT", path, [], {"host": gateway.url.netloc}, 60)
    send(gateway, "PUT", path, query, {"x-amz-meta-a": "1"}, b"").is_refusal("AccessDenied", status=403)


@suite.case
def time_and_region_must_be_ours(gateway, _):
    path = f"/{gateway.facts['plain_bucket']}"
    for minutes in (-20, 20):
        at = NOW() + datetime.timedelta(minutes=minutes)
        request(gateway, "GET", path, at=at).is_refusal("RequestTimeTooSkewed", status=403)
    said = request(gateway, "GET", path, region="eu-central-1").is_refusal("AuthorizationHeaderMalformed", status=400)
    assert f"<Region>{gateway.region}</Region>".encode() in said.body, said
    equal(request(gateway, "GET", path, region="us-east-1").status, 200, "us-east-1")
    request(gateway, "GET", path, service="ec2").is_refusal("AuthorizationHeaderMalformed", "SignatureDoesNotMatch", "AccessDenied")


@suite.case
def old_signatures_are_refused(gateway, _):
    path = f"/{gateway.facts['plain_bucket']}"
    key = gateway.people["app"]["access_key"]
    said = send(gateway, "GET", path, headers={"Authorization": f"AWS {key}:c2lnbmF0dXJlc2lnbmF0dXJlcw=="})
    assert said.status in (400, 403) and said.code in ("InvalidRequest", "AccessDenied"), said
    query = [("AWSAccessKeyId", key), ("Signature", "c2ln"), ("Expires", str(int(time.time()) + 60))]
    said = send(gateway, "GET", path, query)
    assert said.status in (400, 403) and said.code in ("InvalidRequest", "AccessDenied"), said


@suite.case
def presigned_urls_end(gateway, _):
    path = f"/{gateway.facts['plain_bucket']}"
    host = {"host": gateway.url.netloc}

    def ask(life, age):
        signer = Signer(gateway, at=NOW() - datetime.timedelta(seconds=age))
        return send(gateway, "GET", path, signer.presigned("GET", path, [], host, life))

    equal(ask(60, 0).status, 200, "in time")
    equal(ask(7 * DAY, 0).status, 200, "a long life is no error")
    said = ask(60, 120).is_refusal("AccessDenied", status=403)
    assert b"Request has expired" in said.body and b"<ExpiresAt>" in said.body, said
    # The tenant's cap, 900 s, ends it earlier than it asked for.
    said = ask(7 * DAY, 960).is_refusal("AccessDenied", status=403)
    assert b"Request has expired" in said.body, said
    ask(7 * DAY + 1, 0).is_refusal("AuthorizationQueryParametersError", status=400)
    ask(-1, 0).is_refusal("AuthorizationQueryParametersError", status=400)
    ask(60, -3600).is_refusal("AccessDenied", status=403)
    signer = Signer(gateway)
    both = signer.headers("GET", path, [], host, UNSIGNED)
    said = send(gateway, "GET", path, signer.presigned("GET", path, [], host, 60), both)
    assert said.status in (400, 403), said


@suite.case
def chunked_bodies_are_verified_chunk_by_chunk(gateway, _):
    s3 = gateway.client()
    body = payload(150_000)
    pieces = [body[at : at + 65536] for at in range(0, len(body), 65536)]
    with bucket_of(s3) as bucket:
        path = f"/{bucket}/k"
        fixed = {"host": gateway.url.netloc, "content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(body))}

        def put(change=lambda stream: stream, headers=(), kind=STREAMING, trailer=None):
            signer = Signer(gateway)
            extra = {"x-amz-trailer": ",".join(trailer)} if trailer else {}
            signed = signer.headers("PUT", path, [], {**fixed, **extra, **dict(headers)}, kind)
            stream = unsigned_chunks(pieces, trailer) if kind == UNSIGNED_TRAILER else signer.chunks(pieces, trailer)
            return send(gateway, "PUT", path, [], signed, change(stream))

        def absent(why):
            equal(request(gateway, "GET", path).status, 404, f"nothing stored after {why}")

        flipped = lambda stream: stream[:70000] + bytes([stream[70000] ^ 1]) + stream[70001:]  # noqa: E731
        put(flipped).is_refusal("SignatureDoesNotMatch", status=403)
        absent("a flipped chunk")
        said = put(lambda stream: stream[: stream.rindex(b"0;chunk") - 20_000])
        assert said.status in (400, 403), said
        absent("a cut last chunk")
        import base64, zlib

        right = {"x-amz-checksum-crc32": base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()}
        wrong = {"x-amz-checksum-crc32": "AAAAAA=="}
        for kind in (STREAMING_TRAILER, UNSIGNED_TRAILER):
            put(kind=kind, trailer=wrong).is_refusal("BadDigest", status=400)
            absent(f"a wrong trailer, {kind}")
        for kind in (STREAMING_TRAILER, UNSIGNED_TRAILER):
            said = put(lambda stream: stream[: stream.rindex(b"x-amz-checksum")], kind=kind, trailer=right)
            assert said.status in (400, 403), said
            absent(f"a missing trailer, {kind}")
        put(lambda s: s.replace(right["x-amz-checksum-crc32"].encode(), b"AAAAAA=="), kind=STREAMING_TRAILER, trailer=right).is_refusal(
            "SignatureDoesNotMatch", status=403
        )
        absent("a forged trailer")
        said = put(headers={"x-amz-decoded-content-length": str(len(body) + 1)})
        assert said.status == 400, said
        said = put(headers={"x-amz-decoded-content-length": str(len(body) - 1)})
        assert said.status == 400, said
        absent("another length than announced")
        for kind, trailer in ((STREAMING, None), (STREAMING_TRAILER, right), (UNSIGNED_TRAILER, right)):
            equal(put(kind=kind, trailer=trailer).status, 200, kind)
            equal(s3.get_object(Bucket=bucket, Key="k")["Body"].read(), body, kind)
            s3.delete_object(Bucket=bucket, Key="k")


@suite.case
def a_large_refused_body_gets_its_answer(gateway, _):
    path = f"/{gateway.facts['bucket']}/refused"
    for person, code in (("clerk", "AccessDenied"), ("app", "SignatureDoesNotMatch")):
        secret = None if person == "clerk" else "x" * 40
        body = payload(100 * MIB)
        signer = Signer(gateway, person, secret=secret)
        headers = signer.headers("PUT", path, [], {"host": gateway.url.netloc}, UNSIGNED)
        wire = connection(gateway)
        wire.putrequest("PUT", path, skip_host=True, skip_accept_encoding=True)
        wire.putheader("content-length", str(len(body)))
        for name, value in headers.items():
            wire.putheader(name, value)
        try:
            wire.endheaders(body)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass  # the gateway has stopped reading; its answer is there all the same
        from sigv4 import Answer

        Answer(wire.getresponse()).is_refusal(code, status=403)


@suite.case
def a_refusal_comes_instead_of_100_continue(gateway, _):
    path = f"/{gateway.facts['bucket']}/refused"

    def first_line(person):
        signer = Signer(gateway, person)
        headers = signer.headers("PUT", path, [], {"host": gateway.url.netloc, "x-amz-meta-patient-id": "1"}, UNSIGNED)
        plain = socket.create_connection((gateway.url.hostname, gateway.url.port), timeout=20)
        wire = plain
        if gateway.ca:
            wire = ssl.create_default_context(cafile=gateway.ca).wrap_socket(plain, server_hostname=gateway.url.hostname)
        lines = [f"PUT {path} HTTP/1.1", "expect: 100-continue", "content-length: 3"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        wire.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        first = wire.recv(4096).split(b"\r\n")[0]
        wire.close()
        return first

    assert first_line("clerk").startswith(b"HTTP/1.1 403"), first_line("clerk")
    assert first_line("app").startswith(b"HTTP/1.1 100"), first_line("app")


@suite.case
def documents_are_bounded_and_plain(gateway, _):
    with bucket_of(gateway.client()) as bucket:
        path = f"/{bucket}"

        def delete(document):
            import base64

            md5 = base64.b64encode(hashlib.md5(document).digest()).decode()
            return request(gateway, "POST", path, query=[("delete", "")], headers={"content-md5": md5}, body=document)

        delete(b"<Delete><Object><Key>a</Key>").is_refusal("MalformedXML", status=400)
        delete(b"not xml").is_refusal("MalformedXML", status=400)
        entities = b'<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>'
        delete(entities).is_refusal("MalformedXML", status=400)
        big = b"<Delete>" + b"<Object><Key>a</Key></Object>" * 200_000 + b"</Delete>"
        said = delete(big)
        assert said.status in (400, 413), said
        said = request(gateway, "PUT", f"{path}/k", headers={f"x-amz-meta-{n}": "v" * 90 for n in range(900)})
        assert said.status in (400, 431), said
        equal(request(gateway, "GET", path).status, 200, "still serving")


@suite.case
def a_body_needs_a_length(gateway, _):
    path = f"/{gateway.facts['plain_bucket']}/k"
    signer = Signer(gateway)
    headers = signer.headers("PUT", path, [], {"host": gateway.url.netloc}, UNSIGNED)
    said = send(gateway, "PUT", path, [], {**headers, "transfer-encoding": "chunked"}, b"3\r\nabc\r\n0\r\n\r\n")
    said.is_refusal("MissingContentLength", status=411)
    said = request(gateway, "PUT", path, headers={"content-length": str(5 * 1024**3 + 1)}, body_hash=UNSIGNED)
    said.is_refusal("EntityTooLarge", status=400)


@suite.case
def health_needs_no_credentials_and_tells_nothing(gateway, _):
    if not gateway.is_hozon:
        return
    for path in ("/-/healthz", "/-/readyz"):
        said = send(gateway, "GET", path)
        equal(said.status, 200, path)
        assert len(said.body) < 64, said
    said = send(gateway, "GET", "/-/v1/no-such-thing")
    assert said.status in (401, 403, 404), said


if __name__ == "__main__":
    suite.main()
