"""Two stores behind, of which one is away or stalls. The driver calls the cases one by one, and spoils the wires between them."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError
from harness import KIB, MIB, Suite, equal, payload, run

suite = Suite("two stores")
SMALL, LARGE = payload(10 * KIB), payload(20 * MIB)
# Refused writes that take several requests, of which a client has sent all by then: what it still sends is not read for long.
MIDDLE = payload(3 * MIB)
SETTINGS = {"retries": {"total_max_attempts": 1}, "read_timeout": 90, "max_pool_connections": 64}
# The driver lets a store be silent for two seconds, asks twice, and lets reads wait for one second. Machines are busy.
WRITE_SECONDS, READ_SECONDS, NAME_SECONDS = 30, 10, 5


def client(gateway):
    return gateway.client(**SETTINGS)


def admin(gateway, path):
    return run(["curl", "-s", "--unix-socket", gateway.facts["admin"], f"http://admin{path}"]).stdout.decode()


def metric(gateway, name):
    return float(re.search(rf"^hozon_{re.escape(name)} (\S+)$", admin(gateway, "/metrics"), re.MULTILINE).group(1))


def body(s3, key, **arguments):
    return s3.get_object(Bucket="files", Key=key, **arguments)["Body"].read()


def is_refused(dependency, call, **arguments):
    began = time.monotonic()
    try:
        call(**arguments)
    except ClientError as error:
        said = (error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"])
        equal((*said, error.response["Error"].get("HozonDependency")), (503, "ServiceUnavailable", dependency), "refusal")
    else:
        raise AssertionError("a write is acknowledged that one store does not have")
    took = time.monotonic() - began
    assert took < WRITE_SECONDS, f"a write was held for {took:.1f} s"


def no_write(gateway, dependency):
    s3 = client(gateway)
    is_refused(dependency, s3.put_object, Bucket="files", Key="two/new", Body=SMALL)
    is_refused(dependency, s3.put_object, Bucket="files", Key="two/new", Body=MIDDLE)
    is_refused(dependency, s3.put_object, Bucket="files", Key="two/small", Body=MIDDLE)
    upload = s3.create_multipart_upload(Bucket="files", Key="two/new")["UploadId"]
    is_refused(dependency, s3.upload_part, Bucket="files", Key="two/new", UploadId=upload, PartNumber=1, Body=SMALL)
    s3.abort_multipart_upload(Bucket="files", Key="two/new", UploadId=upload)
    names(gateway)


def names(gateway):
    s3 = client(gateway)
    began = time.monotonic()
    equal(s3.head_object(Bucket="files", Key="two/large")["ContentLength"], len(LARGE), "head")
    listed = [row["Key"] for row in s3.list_objects_v2(Bucket="files", Prefix="two/")["Contents"]]
    equal(listed, ["two/large", "two/small"], "listing")
    took = time.monotonic() - began
    assert took < NAME_SECONDS, f"what needs no body waited {took:.1f} s"


def reads(gateway):
    s3 = client(gateway)
    began = time.monotonic()
    equal(body(s3, "two/small"), SMALL, "small body")
    equal(body(s3, "two/large", Range="bytes=17000000-17000999"), LARGE[17_000_000:17_001_000], "range")
    equal(body(s3, "two/large"), LARGE, "large body")
    took = time.monotonic() - began
    assert took < READ_SECONDS, f"reads took {took:.1f} s"


def stands(gateway, store, replica):
    """Which of the two is there; with either the gateway is ready."""
    shown = json.loads(admin(gateway, "/readyz"))
    ready = {one["name"]: one["ready"] for one in shown["dependencies"]}
    equal((shown["ready"], ready["store"], ready["replica"]), (True, store, replica), f"readiness: {shown}")
    for name, is_up in (("store", store), ("replica", replica)):
        equal(metric(gateway, f'dependency_up{{dependency="{name}"}}'), float(is_up), name)


@suite.case
def at_first_both_take_everything(gateway, _):
    s3 = client(gateway)
    s3.put_object(Bucket="files", Key="two/small", Body=SMALL)
    s3.put_object(Bucket="files", Key="two/large", Body=LARGE)
    reads(gateway)
    stands(gateway, True, True)
    equal(metric(gateway, "replica_failovers_total"), 0, "reads from the replica")


@suite.case
def replica_away_nothing_is_written_and_everything_read(gateway, _):
    no_write(gateway, "replica")
    reads(gateway)
    stands(gateway, True, False)
    assert metric(gateway, "replica_errors_total") > 0


@suite.case
def store_away_nothing_is_written_and_everything_read(gateway, _):
    no_write(gateway, "object store")
    reads(gateway)
    stands(gateway, False, True)
    assert metric(gateway, "replica_failovers_total") > 0


@suite.case
def store_stalled_holds_nobody_longer_than_it_may(gateway, _):
    began = time.monotonic()
    reads(gateway)
    s3 = client(gateway)
    # As many as fill the memory that writes may have, and more.
    with ThreadPoolExecutor(24) as writers:
        stuck = [
            writers.submit(is_refused, "object store", s3.put_object, Bucket="files", Key=f"two/{n}", Body=MIDDLE if n % 2 else SMALL)
            for n in range(24)
        ]
        while not all(write.done() for write in stuck):
            names(gateway)
            reads(gateway)
            time.sleep(0.2)
        for write in stuck:
            write.result()
    print(f"  24 writes to a stalled store were refused within {time.monotonic() - began:.1f} s")


@suite.case
def well_again_everything_is_there(gateway, _):
    reads(gateway)
    names(gateway)
    s3 = client(gateway)
    s3.put_object(Bucket="files", Key="two/small", Body=SMALL)
    s3.put_object(Bucket="files", Key="two/large", Body=LARGE)
    reads(gateway)
    stands(gateway, True, True)


@suite.case
def behind_writes_go_on_without_the_replica(gateway, _):
    s3 = client(gateway)
    for number in range(8):
        began = time.monotonic()
        s3.put_object(Bucket="files", Key=f"late/{number}", Body=SMALL if number else LARGE)
        took = time.monotonic() - began
        assert took < NAME_SECONDS, f"a write waited {took:.1f} s for the replica"
    stands(gateway, True, False)
    equal(metric(gateway, "replica_behind"), 8, "bodies that wait")
    reads(gateway)


@suite.case
def filled_the_replica_is_again(gateway, _):
    began = time.monotonic()
    while metric(gateway, "replica_behind") > 0:
        assert time.monotonic() - began < 120, "bodies still wait for the replica"
        time.sleep(0.5)
    stands(gateway, True, True)


@suite.case
def alone_the_replica_has_what_it_missed(gateway, _):
    s3 = client(gateway)
    for number in range(8):
        equal(body(s3, f"late/{number}"), SMALL if number else LARGE, f"late/{number}")
    reads(gateway)


if __name__ == "__main__":
    suite.main()
