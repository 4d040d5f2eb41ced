"""The index behind goes away and comes back. The driver calls the cases one by one, around stopping and starting it."""

import time

from botocore.exceptions import ClientError
from harness import KIB, Suite, equal, payload, run

suite = Suite("index away")
BODY = payload(300 * KIB)
SETTINGS = {"retries": {"total_max_attempts": 1}, "read_timeout": 90}


def refusal_of(call, **arguments):
    began = time.monotonic()
    try:
        call(**arguments)
    except ClientError as error:
        took = time.monotonic() - began
        assert took < 30, f"the refusal took {took:.0f} s"
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
    raise AssertionError("it succeeds without an index")


@suite.case
def before_it_goes(gateway, _):
    gateway.client(**SETTINGS).put_object(Bucket="files", Key="away/kept", Body=BODY)


@suite.case
def while_it_is_away_everything_is_refused_in_time(gateway, _):
    s3 = gateway.client(**SETTINGS)
    unavailable = (503, "ServiceUnavailable")
    equal(refusal_of(s3.get_object, Bucket="files", Key="away/kept"), unavailable, "get")
    equal(refusal_of(s3.put_object, Bucket="files", Key="away/new", Body=BODY), unavailable, "put")
    equal(refusal_of(s3.list_objects_v2, Bucket="files"), unavailable, "list")
    equal(refusal_of(s3.list_buckets), unavailable, "buckets")
    shown = run(["curl", "-s", "--unix-socket", gateway.facts["admin"], "http://admin/metrics"]).stdout.decode()
    assert 'hozon_dependency_up{dependency="index"} 0' in shown and 'hozon_dependency_up{dependency="store"} 1' in shown, shown
    health = gateway.program("doctor", "--config", gateway.facts["config"], check=False)
    assert health.returncode == 1 and b"not ready" in health.stdout + health.stderr, health.stdout


@suite.case
def after_it_came_back_everything_is_there(gateway, _):
    s3 = gateway.client(**SETTINGS)
    equal(s3.get_object(Bucket="files", Key="away/kept")["Body"].read(), BODY, "body")
    s3.put_object(Bucket="files", Key="away/new", Body=BODY)
    equal(s3.get_object(Bucket="files", Key="away/new")["Body"].read(), BODY, "new body")
    listed = s3.list_objects_v2(Bucket="files", Prefix="away/")["Contents"]
    equal([row["Key"] for row in listed], ["away/kept", "away/new"], "listing")


if __name__ == "__main__":
    suite.main()
