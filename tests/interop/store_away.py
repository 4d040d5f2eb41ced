"""The store behind goes away and comes back. The driver calls the cases one by one, around stopping and starting it."""

from botocore.exceptions import ClientError
from harness import MIB, Suite, equal, payload, run

suite = Suite("store away")
BODY = payload(3 * MIB)
SETTINGS = {"retries": {"total_max_attempts": 1}, "read_timeout": 90}


def status_of(call, **arguments):
    try:
        answer = call(**arguments)
        if "Body" in answer:
            answer["Body"].read()
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError("it succeeds without a store")


@suite.case
def before_it_goes(gateway, _):
    gateway.client(**SETTINGS).put_object(Bucket="files", Key="away/kept", Body=BODY)


@suite.case
def while_it_is_away_bodies_are_refused_and_names_are_there(gateway, _):
    s3 = gateway.client(**SETTINGS)
    equal(status_of(s3.get_object, Bucket="files", Key="away/kept"), 503, "get")
    equal(status_of(s3.put_object, Bucket="files", Key="away/new", Body=BODY), 503, "put")
    equal(s3.head_object(Bucket="files", Key="away/kept")["ContentLength"], len(BODY), "head")
    shown = run(["curl", "-s", "--unix-socket", gateway.facts["admin"], "http://admin/metrics"]).stdout.decode()
    assert 'hozon_dependency_up{dependency="store"} 0' in shown and 'hozon_dependency_up{dependency="index"} 1' in shown, shown
    listed = s3.list_objects_v2(Bucket="files", Prefix="away/")["Contents"]
    equal([row["Key"] for row in listed], ["away/kept"], "listing")


@suite.case
def after_it_came_back_everything_is_there(gateway, _):
    s3 = gateway.client(**SETTINGS)
    equal(s3.get_object(Bucket="files", Key="away/kept")["Body"].read(), BODY, "body")
    s3.put_object(Bucket="files", Key="away/new", Body=BODY)
    equal(s3.get_object(Bucket="files", Key="away/new")["Body"].read(), BODY, "new body")


if __name__ == "__main__":
    suite.main()
