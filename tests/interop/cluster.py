"""A client that remembers everything acknowledged, while a cluster suffers; afterwards it looks at everything.

`load` works until the file `enough` is in the directory and writes what it knows to `ledger.json`. A key whose last
operation ended without an answer is left alone from then on: it may be as before or as was asked for, and nothing else.
"""

import hashlib
import json
import random
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError
from harness import KIB, MIB, Suite, equal

suite = Suite("cluster")
BUCKET = "files"
WORKERS = 6
# What a client may meet while everything breaks. Wrong bytes, missing keys and refusals are not among it.
WITHOUT_ANSWER = {500, 502, 503, 504}
ABSENT = "absent"
SETTINGS = {"retries": {"total_max_attempts": 1}, "connect_timeout": 3, "read_timeout": 25}
SIZES = [0, 1, 700, 16 * KIB, 16 * KIB + 1, 150 * KIB, MIB + 3]


def digest(body):
    return hashlib.sha256(body).hexdigest()


class Unanswered(Exception):
    """Nobody knows what became of it."""


class Worker(threading.Thread):
    def __init__(self, gateway, number, stop):
        super().__init__()
        self.random = random.Random(number)
        self.nodes = [gateway.client(endpoint_url=endpoint, **SETTINGS) for endpoint in gateway.facts["endpoints"]]
        self.prefix = f"w{number}/"
        self.stop = stop
        self.keys = {}  # key → what it may hold
        self.open = []  # keys whose state is known
        self.requests = []
        self.wrong = []
        self.counts = {"done": 0, "unanswered": 0}

    def node(self):
        return self.random.choice(self.nodes)

    def call(self, operation, **arguments):
        """The answer, with its body where it has one. Remembers the request's id: it must be in the log."""
        try:
            answer = getattr(self.node(), operation)(Bucket=BUCKET, **arguments)
            if "Body" in answer:
                answer["bytes"] = answer["Body"].read()
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status in WITHOUT_ANSWER:
                self.counts["unanswered"] += 1
                raise Unanswered from error
            raise
        except (BotoCoreError, OSError) as error:
            self.counts["unanswered"] += 1
            raise Unanswered from error
        except Exception as error:  # urllib3 breaks off a body in words of its own
            if type(error).__module__.startswith("urllib3"):
                self.counts["unanswered"] += 1
                raise Unanswered from error
            raise
        self.counts["done"] += 1
        self.requests.append(answer["ResponseMetadata"]["HTTPHeaders"]["x-hozon-request-id"])
        return answer

    def run(self):
        while not self.stop.is_set():
            try:
                self.step()
            except Unanswered:
                time.sleep(0.05)
            except Exception as error:
                self.wrong.append(f"{self.prefix}: {type(error).__name__}: {error}")

    def step(self):
        kind = self.random.choices(["new", "put", "get", "delete", "multipart", "list"], [3, 3, 8, 2, 1, 2])[0]
        if kind == "new" or not self.open:
            key = f"{self.prefix}{'d/' * self.random.randrange(3)}k{len(self.keys)}"
            self.keys[key] = [ABSENT]
            self.open.append(key)
            return self.put(key)
        key = self.random.choice(self.open)
        if kind == "put":
            return self.put(key)
        if kind == "get":
            return self.get(key)
        if kind == "delete":
            return self.change(key, ABSENT, lambda: self.call("delete_object", Key=key))
        if kind == "multipart":
            return self.multipart(key)
        return self.list()

    def change(self, key, to, ask):
        """Asks for a change: until it is answered, the key may hold either."""
        before = self.keys[key]
        self.keys[key] = [*before, to]
        try:
            ask()
        except Unanswered:
            self.open.remove(key)
            raise
        self.keys[key] = [to]

    def put(self, key):
        body = self.random.randbytes(self.random.choice(SIZES))
        self.change(key, digest(body), lambda: self.call("put_object", Key=key, Body=body))

    def multipart(self, key):
        bodies = [self.random.randbytes(5 * MIB), self.random.randbytes(70 * KIB)]

        def ask():
            upload = self.call("create_multipart_upload", Key=key)["UploadId"]
            parts = []
            for number, body in enumerate(bodies, 1):
                etag = self.call("upload_part", Key=key, UploadId=upload, PartNumber=number, Body=body)["ETag"]
                parts.append({"PartNumber": number, "ETag": etag})
            self.call("complete_multipart_upload", Key=key, UploadId=upload, MultipartUpload={"Parts": parts})

        self.change(key, digest(b"".join(bodies)), ask)

    def get(self, key):
        try:
            found = digest(self.call("get_object", Key=key)["bytes"])
        except ClientError as error:
            equal(error.response["Error"]["Code"], "NoSuchKey", f"refusal of {key}")
            found = ABSENT
        equal([found], self.keys[key], f"{key} while others work")

    def list(self):
        token, found = {}, set()
        while True:
            page = self.call("list_objects_v2", Prefix=self.prefix, MaxKeys=300, **token)
            found |= {row["Key"] for row in page.get("Contents", [])}
            if not page["IsTruncated"]:
                break
            token = {"ContinuationToken": page["NextContinuationToken"]}
        for key, may_hold in self.keys.items():
            assert key in found or ABSENT in may_hold, f"{key} is missing in a listing"
            assert key not in found or may_hold != [ABSENT], f"{key} is in a listing and was deleted"


@suite.case
def load(gateway, _):
    stop = threading.Event()
    workers = [Worker(gateway, number, stop) for number in range(WORKERS)]
    [worker.start() for worker in workers]
    enough = gateway.directory / "enough"
    while not enough.exists():
        time.sleep(0.1)
    stop.set()
    [worker.join() for worker in workers]
    ledger = {"keys": {}, "requests": []}
    for worker in workers:
        ledger["keys"].update(worker.keys)
        ledger["requests"] += worker.requests
    (gateway.directory / "ledger.json").write_text(json.dumps(ledger))
    done = sum(worker.counts["done"] for worker in workers)
    unanswered = sum(worker.counts["unanswered"] for worker in workers)
    print(f"       {done} requests answered, {unanswered} without an answer, {len(ledger['keys'])} keys", flush=True)
    wrong = [text for worker in workers for text in worker.wrong]
    assert not wrong, f"{len(wrong)} wrong answers: {wrong[:5]}"
    assert done > 300, f"only {done} requests were answered"
    assert unanswered > 0, "nothing went wrong: this was no test"


@suite.case
def check_that_everything_acknowledged_is_there_and_nothing_else(gateway, _):
    ledger = json.loads((gateway.directory / "ledger.json").read_text())
    nodes = [gateway.client(endpoint_url=endpoint) for endpoint in gateway.facts["endpoints"]]
    state = {}
    for number, (key, may_hold) in enumerate(ledger["keys"].items()):
        try:
            found = digest(nodes[number % len(nodes)].get_object(Bucket=BUCKET, Key=key)["Body"].read())
        except ClientError as error:
            equal(error.response["Error"]["Code"], "NoSuchKey", f"refusal of {key}")
            found = ABSENT
        assert found in may_hold, f"{key} holds {found}, and may hold {may_hold}"
        state[key] = found
    wanted = sorted((key for key, found in state.items() if found != ABSENT), key=str.encode)
    for node in nodes:
        pages = node.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="w")
        listed = [row["Key"] for page in pages for row in page.get("Contents", [])]
        equal(listed, wanted, "listing")


@suite.case
def check_that_every_answered_request_is_in_the_log(gateway, _):
    ledger = json.loads((gateway.directory / "ledger.json").read_text())
    missing, before, looked_at = set(ledger["requests"]), [], 0
    while missing:
        said = gateway.program(
            "audit", "search", "--demo", gateway.directory, "--bucket", BUCKET, "--limit", "1000", *before, "--output", "json"
        )
        page = json.loads(said.stdout)
        missing -= {event.get("id") for event in page["events"]}
        looked_at += len(page["events"])
        if page["next"] is None:
            break
        before = ["--before", str(page["next"])]
    assert not missing, f"{len(missing)} of {len(ledger['requests'])} requests are not in the log ({looked_at} events): {sorted(missing)[:3]}"


if __name__ == "__main__":
    suite.main()
