"""Several gateways on one index and one store: what one has done every other one knows at once."""

import json
import threading
import time

from botocore.exceptions import ClientError
from harness import KIB, MIB, Suite, bucket_of, equal, payload

suite = Suite("nodes")


def clients(gateway, person="app"):
    return [gateway.client(person, endpoint_url=endpoint) for endpoint in gateway.facts["endpoints"]]


@suite.case
def what_one_node_has_written_the_other_reads_and_lists_at_once(gateway, _):
    one, other = clients(gateway)
    with bucket_of(one) as bucket:
        for number in range(40):
            body = payload(KIB + number, number)
            one.put_object(Bucket=bucket, Key=f"d/{number:03}", Body=body)
            equal(other.get_object(Bucket=bucket, Key=f"d/{number:03}")["Body"].read(), body, "body")
            listed = [row["Key"] for row in other.list_objects_v2(Bucket=bucket, Prefix="d/")["Contents"]]
            equal(listed, [f"d/{n:03}" for n in range(number + 1)], "listing")
            one, other = other, one


@suite.case
def a_name_that_has_gone_is_gone_everywhere(gateway, _):
    one, other = clients(gateway)
    with bucket_of(one) as bucket:
        for number in range(20):
            one.put_object(Bucket=bucket, Key=f"a/b/{number}", Body=b"x")
        equal(other.list_objects_v2(Bucket=bucket)["KeyCount"], 20, "before")
        for number in range(20):
            one.delete_object(Bucket=bucket, Key=f"a/b/{number}")
            equal(other.list_objects_v2(Bucket=bucket)["KeyCount"], 19 - number, "keys that are left")
            one, other = other, one
        equal(other.list_objects_v2(Bucket=bucket, Delimiter="/").get("CommonPrefixes", []), [], "prefixes")


@suite.case
def the_parts_of_an_upload_come_through_different_nodes(gateway, _):
    one, other = clients(gateway)
    with bucket_of(one) as bucket:
        opened = one.create_multipart_upload(Bucket=bucket, Key="m")
        parts, whole = [], b""
        for number in range(1, 5):
            body = payload(5 * MIB + number, number)
            node = (one, other)[number % 2]
            etag = node.upload_part(Bucket=bucket, Key="m", UploadId=opened["UploadId"], PartNumber=number, Body=body)["ETag"]
            parts.append({"PartNumber": number, "ETag": etag})
            whole += body
        equal(len(other.list_parts(Bucket=bucket, Key="m", UploadId=opened["UploadId"])["Parts"]), 4, "parts")
        other.complete_multipart_upload(Bucket=bucket, Key="m", UploadId=opened["UploadId"], MultipartUpload={"Parts": parts})
        equal(one.get_object(Bucket=bucket, Key="m")["Body"].read(), whole, "body")


@suite.case
def of_two_nodes_that_create_the_same_key_one_succeeds(gateway, _):
    nodes = clients(gateway)
    with bucket_of(nodes[0]) as bucket:
        for number in range(10):
            done = []

            def create(node):
                try:
                    node.put_object(Bucket=bucket, Key=f"k{number}", Body=b"x", IfNoneMatch="*")
                    done.append("done")
                except ClientError as error:
                    done.append(error.response["Error"]["Code"])

            threads = [threading.Thread(target=create, args=(node,)) for node in nodes]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            equal(done.count("done"), 1, f"creations: {done}")
            assert set(done) <= {"done", "PreconditionFailed", "ConditionalRequestConflict"}, done


@suite.case
def a_disabled_credential_is_out_on_every_node_within_seconds(gateway, _):
    sockets = [str(gateway.directory / f"node-{number}.sock") for number in range(2)]
    tenant = gateway.people["app"]["tenant"]

    def operator(socket, *arguments):
        return json.loads(gateway.program("--socket", socket, "credential", *arguments, "--tenant", tenant, "--output", "json").stdout)

    made = operator(sockets[0], "create", "--principal", "app")
    key = {"access_key": made["access_key"], "secret_key": made["secret_key"]}
    other = gateway.client(endpoint_url=gateway.facts["endpoints"][1], **key)
    other.list_buckets()
    operator(sockets[0], "disable", made["access_key"])
    began = time.monotonic()
    while True:
        try:
            other.list_buckets()
        except ClientError as error:
            equal(error.response["ResponseMetadata"]["HTTPStatusCode"], 403, "status")
            return
        assert time.monotonic() - began < 10, "a disabled key still opens doors"
        time.sleep(0.2)


@suite.case
def a_bucket_that_one_node_has_removed_is_gone_on_the_other(gateway, _):
    one, other = clients(gateway)
    with bucket_of(one) as bucket:
        other.put_object(Bucket=bucket, Key="k", Body=b"x")
        try:
            one.delete_bucket(Bucket=bucket)
            raise AssertionError("a bucket with a key went")
        except ClientError as error:
            equal(error.response["Error"]["Code"], "BucketNotEmpty", "code")
        other.delete_object(Bucket=bucket, Key="k")
        one.delete_bucket(Bucket=bucket)
        try:
            other.put_object(Bucket=bucket, Key="k", Body=b"x")
            raise AssertionError("a bucket that is gone takes keys")
        except ClientError as error:
            equal(error.response["Error"]["Code"], "NoSuchBucket", "code")


if __name__ == "__main__":
    suite.main()
