"""What every interop script shares: the gateway under test, clients for its people, and cases.

A script imports `Suite`, decorates its cases, and ends with `suite.main()`. It is called with the
directory of a running `hozon demo` and, if wanted, words that select cases by name. It prints one line
a case and a closing count, and exits 1 if a case failed.
"""

import contextlib
import faulthandler
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse
import uuid
from pathlib import Path

KIB = 1024
MIB = 1024 * KIB
# A script that hangs says where after this many seconds, and ends.
PATIENCE = int(os.environ.get("INTEROP_PATIENCE", "900"))


class Gateway:
    """A running demo, as its demo.json describes it."""

    def __init__(self, directory):
        self.directory = Path(directory).resolve()
        self.facts = json.loads((self.directory / "demo.json").read_text())
        self.endpoint = self.facts["endpoint"].rstrip("/")
        self.url = urllib.parse.urlsplit(self.endpoint)
        self.region = self.facts["region"]
        self.ca = self.facts.get("ca")
        self.people = self.facts["people"]
        # Another S3 server may stand in while a script is being written; hozon's own answers are then not asked for.
        self.is_hozon = "admin" in self.facts

    def client(self, person="app", service="s3", **settings):
        """A boto3 client of one of the demo's people. `settings` go to botocore's Config."""
        import boto3
        from botocore.config import Config

        secret = settings.pop("secret_key", None)
        s3 = {"addressing_style": "path", **settings.pop("s3", {})}
        settings.setdefault("retries", {"max_attempts": 1, "mode": "standard"})
        settings.setdefault("read_timeout", 120)
        who = self.people[person]
        return boto3.client(
            service,
            endpoint_url=settings.pop("endpoint_url", self.endpoint),
            region_name=settings.pop("region", self.region),
            aws_access_key_id=settings.pop("access_key", who["access_key"]),
            aws_secret_access_key=secret or who["secret_key"],
            verify=self.ca or False,
            config=Config(s3=s3, **settings),
        )

    def environment(self, person="app"):
        """What command-line clients that follow AWS's conventions read."""
        who = self.people[person]
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "RCLONE_", "S3_"))}
        own = {
            "AWS_ACCESS_KEY_ID": who["access_key"],
            "AWS_SECRET_ACCESS_KEY": who["secret_key"],
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }
        if self.ca:
            own["AWS_CA_BUNDLE"] = self.ca
            own["SSL_CERT_FILE"] = self.ca
        return {**kept, **own}

    def program(self, *arguments, check=True):
        """Runs the hozon program itself against the demo's admin socket."""
        socket = [] if "--socket" in arguments else ["--socket", self.facts["admin"]]
        command = [os.environ.get("HOZON", "hozon"), *socket, *arguments]
        return run(command, check=check)

    def give_the_other_hospital_a_bucket(self):
        """A records bucket of the same name as the demo's, for its `other-physician`."""
        theirs = self.people["other-physician"]["tenant"]
        wanted = ["bucket", "create", self.facts["bucket"], "--mode", "records", "--default-class", "chart.medical"]
        made = self.program(*wanted, "--tenant", theirs, check=False)
        assert made.returncode == 0 or b"already" in made.stderr, made.stderr


def run(command, *, env=None, check=True, timeout=300, stdin=None, cwd=None):
    """Runs a client and returns what it said; a failure shows its last words."""
    done = subprocess.run(
        [str(word) for word in command], env=env, input=stdin, cwd=cwd, capture_output=True, timeout=timeout, check=False
    )
    if check and done.returncode != 0:
        said = (done.stdout + done.stderr).decode(errors="replace")[-1500:]
        raise AssertionError(f"{command[0]} ended with {done.returncode}: {said}")
    return done


def payload(length, seed=1):
    """The same `length` bytes every time, which no compression shortens."""
    return random.Random(f"{seed}/{length}").randbytes(length)


def localhost_names_resolve():
    """`bucket.localhost` is this machine (RFC 6761), but not every C library knows."""
    known = socket.getaddrinfo

    def resolve(host, *rest, **named):
        if isinstance(host, bytes):
            host = host.decode()
        return known("localhost" if host and host.endswith(".localhost") else host, *rest, **named)

    socket.getaddrinfo = resolve


@contextlib.contextmanager
def bucket_of(client, prefix="it", **creation):
    """A fresh bucket that goes again with everything in it."""
    name = f"{prefix}-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=name, **creation)
    try:
        yield name
    finally:
        with contextlib.suppress(client.exceptions.NoSuchBucket):
            empty(client, name)
            client.delete_bucket(Bucket=name)


def empty(client, bucket):
    """Removes every version, delete marker and open upload."""
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        rows = page.get("Versions", []) + page.get("DeleteMarkers", [])
        if rows:
            objects = [{"Key": row["Key"], "VersionId": row["VersionId"]} for row in rows]
            gone = client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
            assert not gone.get("Errors"), gone["Errors"]
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", []):
            client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])


def refused(code, call, *, status=None, **arguments):
    """Asserts that the call is refused with one of the S3 codes; returns the error answer."""
    from botocore.exceptions import ClientError

    codes = {code} if isinstance(code, str) else set(code)
    try:
        answer = call(**arguments)
    except ClientError as error:
        said = error.response["Error"]["Code"]
        assert said in codes, f"refused with {said}, not {sorted(codes)}: {error.response['Error'].get('Message')}"
        got = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert status is None or got == status, f"{said} came with {got}, not {status}"
        return error.response
    raise AssertionError(f"not refused; {sorted(codes)} was due. Answer: {str(answer)[:300]}")


def equal(found, wanted, what="value"):
    """Asserts equality without printing megabytes."""
    if found == wanted:
        return
    if isinstance(found, (bytes, bytearray)) and isinstance(wanted, (bytes, bytearray)):
        at = next((i for i, (a, b) in enumerate(zip(found, wanted)) if a != b), min(len(found), len(wanted)))
        raise AssertionError(f"{what}: {len(found)} bytes for {len(wanted)}, first difference at {at}")
    raise AssertionError(f"{what}: {str(found)[:400]} is not {str(wanted)[:400]}")


class Suite:
    """Cases in the order in which they were written. A suite that drives demos of its own takes no directory."""

    def __init__(self, title, drives_its_own=False):
        self.title = title
        self.drives_its_own = drives_its_own
        self.cases = []

    def case(self, function):
        self.cases.append(function)
        return function

    def main(self):
        if self.drives_its_own:
            gateway, words = None, sys.argv[1:]
        elif len(sys.argv) > 1:
            gateway, words = Gateway(sys.argv[1]), sys.argv[2:]
        else:
            sys.exit(f"usage: {sys.argv[0]} DIR [WORD…]   DIR of a running hozon demo; WORDs select cases by name")
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        localhost_names_resolve()
        chosen = [case for case in self.cases if not words or any(word in case.__name__ for word in words)]
        failed = 0
        for case in chosen:
            started = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="hozon-interop-") as scratch:
                try:
                    case(gateway, Path(scratch))
                    verdict = "ok"
                except Exception as error:  # every case gets its line, whatever it raised
                    failed += 1
                    verdict = "FAILED"
                    reason = f"{type(error).__name__}: {error}"
                    trace = traceback.format_exc()
            took = time.monotonic() - started
            print(f"{verdict:6} {self.title}: {case.__name__.replace('_', ' ')} ({took:.1f} s)", flush=True)
            if verdict == "FAILED":
                print(f"       {reason[:1200]}", flush=True)
                if os.environ.get("INTEROP_TRACE"):
                    print(trace, flush=True)
        print(f"{len(chosen) - failed} passed, {failed} failed", flush=True)
        if not chosen:
            sys.exit(f"no case of {self.title} is called so")
        sys.exit(1 if failed else 0)
