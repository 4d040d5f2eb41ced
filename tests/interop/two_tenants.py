"""Two hospitals with buckets and keys of the same name: nothing crosses, and no answer tells what the other has."""

import re
import statistics
import time
import uuid

from botocore.exceptions import ClientError
from harness import Suite, equal, payload
from sigv4 import UNSIGNED, Signer, request, send

suite = Suite("two tenants")
OURS, THEIRS = "physician", "other-physician"


def both(gateway):
    gateway.give_the_other_hospital_a_bucket()
    return gateway.client(OURS), gateway.client(THEIRS), gateway.facts["bucket"]


def scrubbed(answer):
    """An error answer without what differs from request to request, and without the names that the client sent itself."""
    text = re.sub(rb"<RequestId>[^<]*</RequestId>|<HostId>[^<]*</HostId>", b"", answer.body)
    text = re.sub(rb"<(Key|Resource|BucketName|VersionId|UploadId)>[^<]*</\1>", b"", text)
    names = sorted(name for name in answer.headers if name not in ("date", "content-length"))
    return answer.status, answer.code, text, names


def alike(gateway, person, real, made_up):
    """The two requests, on something of the other tenant and on something that nobody has, are answered alike."""
    first = scrubbed(request(gateway, person=person, **real))
    second = scrubbed(request(gateway, person=person, **made_up))
    equal(first, second, f"{real} against {made_up}")
    assert first[0] in (403, 404), first


@suite.case
def the_same_names_hold_different_things(gateway, _):
    ours, theirs, bucket = both(gateway)
    key = f"two/{uuid.uuid4()}/日本.dcm"
    ours.put_object(Bucket=bucket, Key=key, Body=b"ours", Metadata={"patient-id": "0001"})
    theirs.put_object(Bucket=bucket, Key=key, Body=b"theirs", Metadata={"patient-id": "0001"})
    equal(ours.get_object(Bucket=bucket, Key=key)["Body"].read(), b"ours", "ours")
    equal(theirs.get_object(Bucket=bucket, Key=key)["Body"].read(), b"theirs", "theirs")
    ours.delete_object(Bucket=bucket, Key=key)
    equal(theirs.get_object(Bucket=bucket, Key=key)["Body"].read(), b"theirs", "after ours is deleted")


@suite.case
def listings_show_only_ones_own(gateway, _):
    ours, theirs, bucket = both(gateway)
    mark = uuid.uuid4().hex
    ours.put_object(Bucket=bucket, Key=f"{mark}/ours", Body=b"")
    upload = ours.create_multipart_upload(Bucket=bucket, Key=f"{mark}/open")["UploadId"]
    for listed in (
        theirs.list_objects_v2(Bucket=bucket, Prefix=mark),
        theirs.list_objects(Bucket=bucket, Prefix=mark),
        theirs.list_object_versions(Bucket=bucket, Prefix=mark),
        theirs.list_multipart_uploads(Bucket=bucket, Prefix=mark),
        theirs.list_objects_v2(Bucket=bucket, Delimiter="/", Prefix=mark),
    ):
        assert mark not in str({k: v for k, v in listed.items() if k not in ("Prefix", "ResponseMetadata")}), listed
    names = [row["Name"] for row in theirs.list_buckets()["Buckets"]]
    assert gateway.facts["plain_bucket"] not in names, names
    ours.abort_multipart_upload(Bucket=bucket, Key=f"{mark}/open", UploadId=upload)


@suite.case
def version_ids_do_not_cross(gateway, _):
    ours, theirs, bucket = both(gateway)
    key = f"v/{uuid.uuid4()}"
    real = ours.put_object(Bucket=bucket, Key=key, Body=b"ours")["VersionId"]
    theirs.put_object(Bucket=bucket, Key=key, Body=b"theirs")
    # Another id of the same shape that was never given out.
    made_up = "".join(reversed(real)) if real != real[::-1] else real[1:] + real[:1]
    path = f"/{bucket}/{key}"
    for method, query in (("GET", []), ("HEAD", []), ("GET", [("tagging", "")]), ("GET", [("attributes", "")])):
        extra = {"headers": {"x-amz-object-attributes": "ETag"}} if query == [("attributes", "")] else {}
        alike(
            gateway,
            THEIRS,
            {"method": method, "path": path, "query": [*query, ("versionId", real)], **extra},
            {"method": method, "path": path, "query": [*query, ("versionId", made_up)], **extra},
        )
    source = {"method": "PUT", "path": f"/{bucket}/{key}-copy"}
    alike(
        gateway,
        THEIRS,
        {**source, "headers": {"x-amz-copy-source": f"{path}?versionId={real}"}},
        {**source, "headers": {"x-amz-copy-source": f"{path}?versionId={made_up}"}},
    )
    theirs.delete_object(Bucket=bucket, Key=key, VersionId=real)
    equal(ours.get_object(Bucket=bucket, Key=key, VersionId=real)["Body"].read(), b"ours", "after their delete of our id")


@suite.case
def upload_ids_do_not_cross(gateway, _):
    ours, theirs, bucket = both(gateway)
    key = f"u/{uuid.uuid4()}"
    real = ours.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    theirs.create_multipart_upload(Bucket=bucket, Key=key)
    made_up = "".join(reversed(real))
    path = f"/{bucket}/{key}"
    document = b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>00112233445566778899aabbccddeeff-1</ETag></Part></CompleteMultipartUpload>"
    for method, more in (
        ("GET", {}),
        ("PUT", {"body": b"x"}),
        ("POST", {"body": document}),
        ("DELETE", {}),
    ):
        number = [("partNumber", "1")] if method == "PUT" else []
        alike(
            gateway,
            THEIRS,
            {"method": method, "path": path, "query": [*number, ("uploadId", real)], **more},
            {"method": method, "path": path, "query": [*number, ("uploadId", made_up)], **more},
        )
    ours.upload_part(Bucket=bucket, Key=key, UploadId=real, PartNumber=1, Body=b"still ours")
    ours.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=real)


@suite.case
def buckets_of_the_other_look_like_no_buckets(gateway, _):
    theirs_only = gateway.facts["plain_bucket"]
    nobodys = "n" * len(theirs_only)
    for method, key, query in (
        ("GET", "", []),
        ("HEAD", "", []),
        ("GET", "", [("location", "")]),
        ("GET", "", [("versioning", "")]),
        ("GET", "", [("acl", "")]),
        ("GET", "", [("policy", "")]),
        ("DELETE", "", []),
        ("GET", "/k", []),
        ("HEAD", "/k", []),
        ("PUT", "/k", []),
        ("DELETE", "/k", []),
        ("POST", "/k", [("uploads", "")]),
    ):
        alike(
            gateway,
            THEIRS,
            {"method": method, "path": f"/{theirs_only}{key}", "query": query},
            {"method": method, "path": f"/{nobodys}{key}", "query": query},
        )


@suite.case
def credentials_of_one_do_not_sign_for_the_other(gateway, _):
    ours, _, bucket = both(gateway)
    key = f"c/{uuid.uuid4()}"
    ours.put_object(Bucket=bucket, Key=key, Body=b"ours")
    path = f"/{bucket}/{key}"
    mixed = {"access_key": gateway.people[OURS]["access_key"], "secret": gateway.people[THEIRS]["secret_key"]}
    request(gateway, "GET", path, **mixed).is_refusal("SignatureDoesNotMatch", status=403)
    signer = Signer(gateway, OURS)
    query = signer.presigned("GET", path, [], {"host": gateway.url.netloc}, 60)
    swapped = [(n, v.replace(gateway.people[OURS]["access_key"], gateway.people[THEIRS]["access_key"])) for n, v in query]
    send(gateway, "GET", path, swapped).is_refusal("SignatureDoesNotMatch", status=403)
    equal(send(gateway, "GET", path, query).body, b"ours", "unchanged")
    # Whoever names the other's tenant in a header gets nothing for it.
    said = request(gateway, "GET", path, headers={"x-hozon-tenant": gateway.people[OURS]["tenant"]}, person=THEIRS, body_hash=UNSIGNED)
    assert said.status in (400, 403, 404, 501), said


@suite.case
def continuation_tokens_do_not_cross(gateway, _):
    ours, theirs, bucket = both(gateway)
    mark = uuid.uuid4().hex
    for number in range(3):
        ours.put_object(Bucket=bucket, Key=f"{mark}/{number}", Body=b"")
        theirs.put_object(Bucket=bucket, Key=f"{mark}/{number}", Body=b"")
    token = ours.list_objects_v2(Bucket=bucket, Prefix=mark, MaxKeys=1)["NextContinuationToken"]
    assert mark not in token, "the token tells a name"
    try:
        theirs.list_objects_v2(Bucket=bucket, Prefix=mark, ContinuationToken=token)
    except ClientError as error:
        equal(error.response["Error"]["Code"], "InvalidArgument", "another tenant's token")
        return
    raise AssertionError("another tenant's continuation token was taken")


@suite.case
def the_clock_does_not_tell_either(gateway, _):
    """A rough check of the timing class: medians of absent and of the other's differ by less than half."""
    ours, _, bucket = both(gateway)
    key = f"t/{uuid.uuid4()}"
    real = ours.put_object(Bucket=bucket, Key=key, Body=payload(100_000))["VersionId"]
    theirs = gateway.client(THEIRS)

    def ask(version):
        began = time.perf_counter()
        try:
            theirs.get_object(Bucket=bucket, Key=key, VersionId=version)
        except ClientError:
            return time.perf_counter() - began
        raise AssertionError("served")

    made_up = "".join(reversed(real))
    times = {real: [], made_up: []}
    for _ in range(60):
        for version in times:
            times[version].append(ask(version))
    first, second = (statistics.median(values) for values in times.values())
    assert max(first, second) < 1.5 * min(first, second), f"{first * 1e3:.2f} ms and {second * 1e3:.2f} ms"


if __name__ == "__main__":
    suite.main()
