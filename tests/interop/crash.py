"""kill -9 at random under load and at every write call, failing and full disks: what was acknowledged is there, whole.

CRASH_ROUNDS sets how often the random case kills, CRASH_PLACES at how many calls of a kind the exact one does.
Needs a C compiler for what is preloaded, and root for a small disk.
"""

import os
import random
import shutil
import threading
import time
import uuid
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from harness import KIB, MIB, Suite, payload, run
from process import Demo, Ended

suite = Suite("crash", drives_its_own=True)
ROUNDS = int(os.environ.get("CRASH_ROUNDS", "8"))
PLAIN = "files"


class Ledger:
    """What was sent and what was acknowledged, by key. A key belongs to one writer, so its order is known."""

    def __init__(self):
        self.lock = threading.Lock()
        # key -> bodies that may be there: the last acknowledged one and every later attempt; None is absent
        self.possible = {}

    def intend(self, key, body):
        with self.lock:
            self.possible.setdefault(key, [None]).append(body)

    def acknowledge(self, key, body):
        with self.lock:
            self.possible[key] = [body]

    def check(self, s3):
        """Every key holds one of its possible bodies, whole, and the listing agrees with what can be read."""
        listed = {}
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=PLAIN, Prefix="crash/"):
            listed |= {row["Key"]: row["Size"] for row in page.get("Contents", [])}
        for key, bodies in self.possible.items():
            try:
                got = s3.get_object(Bucket=PLAIN, Key=key)["Body"].read()
            except ClientError as error:
                assert error.response["Error"]["Code"] == "NoSuchKey", f"{key}: {error}"
                got = None
            assert got in bodies, f"{key}: {'absent' if got is None else len(got)}, possible {[b and len(b) for b in bodies]}"
            assert (key in listed) == (got is not None), f"{key}: listing and reading disagree"
            assert got is None or listed[key] == len(got), f"{key}: listed with {listed[key]} bytes"
            self.possible[key] = [got]
        strangers = set(listed) - set(self.possible)
        assert not strangers, f"nobody wrote {sorted(strangers)[:3]}"


SIZES = [0, 1, 1000, 16 * KIB, 100 * KIB, 900 * KIB, 2 * MIB]


def one_operation(s3, ledger, key, luck):
    """A put, copy, multipart upload or delete of one key; an error of any kind means that nothing is known."""
    kind = luck.choices(["put", "multipart", "copy", "delete"], [6, 1, 1, 2])[0]
    body = None if kind == "delete" else payload(luck.choice(SIZES), luck.random())
    if kind == "copy":
        source = f"{key}-source"
        ledger.intend(source, body)
        s3.put_object(Bucket=PLAIN, Key=source, Body=body)
        ledger.acknowledge(source, body)
    if kind != "multipart":
        ledger.intend(key, body)
    if kind == "put":
        s3.put_object(Bucket=PLAIN, Key=key, Body=body)
    elif kind == "delete":
        s3.delete_object(Bucket=PLAIN, Key=key)
    elif kind == "copy":
        s3.copy_object(Bucket=PLAIN, Key=key, CopySource={"Bucket": PLAIN, "Key": source})
    else:
        here = {"Bucket": PLAIN, "Key": key, "UploadId": s3.create_multipart_upload(Bucket=PLAIN, Key=key)["UploadId"]}
        halves = [payload(5 * MIB, luck.random()), body]
        body = b"".join(halves)
        ledger.intend(key, body)
        parts = [
            {"PartNumber": n, "ETag": s3.upload_part(**here, PartNumber=n, Body=half)["ETag"]} for n, half in enumerate(halves, 1)
        ]
        s3.complete_multipart_upload(**here, MultipartUpload={"Parts": parts})
    ledger.acknowledge(key, body)


def work(gateway, ledger, name, ended):
    s3 = gateway.client("app", read_timeout=20, connect_timeout=5, retries={"total_max_attempts": 1})
    luck = random.Random(name)
    while not ended.is_set():
        try:
            one_operation(s3, ledger, f"crash/{name}/{luck.randrange(12)}", luck)
        except (ClientError, BotoCoreError, OSError):
            if ended.wait(0.05):
                return


def load(gateway, ledger, seconds, writers=6):
    """Starts the writers; returns a function that stops them."""
    ended = threading.Event()
    threads = [threading.Thread(target=work, args=(gateway, ledger, f"w{n}", ended)) for n in range(writers)]
    for thread in threads:
        thread.start()
    time.sleep(seconds)

    def stop():
        ended.set()
        for thread in threads:
            thread.join()

    return stop


@suite.case
def what_was_acknowledged_survives_kills_at_random(_, scratch):
    ledger, luck = Ledger(), random.Random(7)
    with Demo(scratch / "demo") as demo:
        gateway = demo.start()
        for _ in range(ROUNDS):
            stop = load(gateway, ledger, 0.5 + 2 * luck.random())
            demo.kill()
            stop()
            gateway = demo.start()
            ledger.check(gateway.client("app"))
        acknowledged = sum(1 for bodies in ledger.possible.values() if bodies[-1] is not None)
        assert acknowledged > 10, "the load has written too little"


# What makes bytes durable or visible: each call of each kind is a place where the power may go, and the disk may fail.
CALLS = ["fsync,fdatasync", "rename,link,linkat,unlink,mkdir", "write,writev,pwrite64"]
PLACES = [1, 2, 3, 4, 6, 9, 14, 22, 35][: int(os.environ.get("CRASH_PLACES", "9"))]
EIO, ENOSPC = 5, 28


class Faults:
    """The library that is preloaded into a demo, armed once the demo serves."""

    def __init__(self, scratch):
        self.library = scratch / "fault.so"
        self.armed = scratch / "armed"
        source = Path(__file__).with_name("fault.c")
        run(["cc", "-O2", "-shared", "-fPIC", "-o", self.library, source, "-ldl"])

    def planned(self, calls, at, when, error=0, every=0):
        """The environment of a demo that it shall happen to."""
        self.armed.unlink(missing_ok=True)
        plan = {"CALLS": calls, "ARMED": self.armed, "AT": at, "EVERY": every, "ERROR": error, "WHEN": when}
        return {"LD_PRELOAD": str(self.library), **{f"FAULT_{name}": str(value) for name, value in plan.items()}}

    def arm(self):
        self.armed.touch()


@suite.case
def a_kill_at_any_write_call_loses_nothing_acknowledged(_, scratch):
    faults, seeded, runs = Faults(scratch), scratch / "seeded", {}
    with Demo(seeded) as demo:
        demo.start()
        demo.stop()
    for calls in CALLS:
        for when in ("before", "after"):
            for at in PLACES:
                with demo_from(seeded, scratch / "demo") as demo:
                    gateway = demo.start(**faults.planned(calls, at, when))
                    ledger = Ledger()
                    faults.arm()
                    was_cut = None in steps(gateway, ledger)
                    runs.setdefault(calls, []).append(was_cut and demo.ends_soon())
                    demo.kill()
                    ledger.check(demo.start().client("app"))
    killed = {calls: sum(outcomes) for calls, outcomes in runs.items()}
    assert all(count > 1.5 * len(PLACES) for count in killed.values()), f"of {2 * len(PLACES)} runs each were killed: {killed}"


def demo_from(seeded, directory):
    """A demo that goes on from a kept one: quicker than new hospitals for each run."""
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(seeded, directory)
    return Demo(directory)


def steps(gateway, ledger, stops_at_failure=True):
    """The same short run each time, every kind of write; returns the status of each failure, None where none came."""
    s3 = gateway.client("app", read_timeout=20, connect_timeout=5, retries={"total_max_attempts": 1})
    luck, failures = random.Random(3), []
    for number in range(24):
        try:
            one_operation(s3, ledger, f"crash/s/{number % 5}", luck)
        except ClientError as refusal:
            failures.append(refusal.response["ResponseMetadata"]["HTTPStatusCode"])
        except (BotoCoreError, OSError):
            failures.append(None)
            if stops_at_failure:
                break
    return failures


@suite.case
def a_failing_disk_is_an_error_and_no_loss(_, scratch):
    faults, seeded = Faults(scratch), scratch / "seeded"
    with Demo(seeded) as demo:
        demo.start()
        demo.stop()
    plans = [(CALLS[0], EIO, 5), (CALLS[1], EIO, 3), (CALLS[2], ENOSPC, 29), (CALLS[2], EIO, 31)]
    for calls, error, every in plans:
        for when in ("before", "after"):
            with demo_from(seeded, scratch / "demo") as demo:
                gateway = demo.start(**faults.planned(calls, 3, when, error, every))
                ledger = Ledger()
                faults.arm()
                failures = steps(gateway, ledger, stops_at_failure=False)
                what = f"{calls} fails with {error} {when} it is done"
                assert failures, f"{what}: no request failed"
                wrong = [status for status in failures if status is not None and status < 500]
                assert not wrong, f"{what}: answered {wrong}"
                demo.kill()
                ledger.check(demo.start().client("app"))


@suite.case
def a_full_disk_refuses_and_recovers(_, scratch):
    disk = scratch / "disk"
    disk.mkdir()
    mounted = run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", disk], check=False)
    if mounted.returncode != 0:
        raise AssertionError(f"needs root to mount a small disk: {mounted.stderr.decode().strip()}")
    try:
        with Demo(disk / "demo") as demo:
            gateway = demo.start()
            s3 = gateway.client("app", read_timeout=30, retries={"total_max_attempts": 1})
            ledger, refusals = Ledger(), []
            for number in range(80):
                key, body = f"crash/d/{number}", payload(3 * MIB, number)
                ledger.intend(key, body)
                try:
                    s3.put_object(Bucket=PLAIN, Key=key, Body=body)
                    ledger.acknowledge(key, body)
                except ClientError as refusal:
                    refusals.append(refusal.response["ResponseMetadata"]["HTTPStatusCode"])
                if len(refusals) > 5:
                    break
            assert refusals and all(status >= 500 for status in refusals), refusals
            assert demo.alive(), "it does not outlive a full disk"
            # Reading needs an audit entry, so it too may be refused now; but nothing wrong may come.
            for key, bodies in list(ledger.possible.items())[:3]:
                try:
                    assert s3.get_object(Bucket=PLAIN, Key=key)["Body"].read() in bodies
                except ClientError as refusal:
                    assert refusal.response["ResponseMetadata"]["HTTPStatusCode"] >= 500, refusal
            run(["mount", "-o", "remount,size=256m", disk])
            deadline = time.monotonic() + 30
            while True:
                try:
                    ledger.intend("crash/d/after", b"after")
                    s3.put_object(Bucket=PLAIN, Key="crash/d/after", Body=b"after")
                    ledger.acknowledge("crash/d/after", b"after")
                    break
                except ClientError:
                    assert time.monotonic() < deadline, "it does not recover when there is space again"
                    time.sleep(0.5)
            ledger.check(s3)
            demo.kill()
            ledger.check(demo.start().client("app"))
            demo.stop()
    finally:
        run(["umount", "-l", disk], check=False)


@suite.case
def bytes_of_cut_uploads_are_never_listed(_, scratch):
    """A killed upload leaves files behind at most: no key, no version, no open upload that was not opened."""
    with Demo(scratch / "demo") as demo:
        gateway = demo.start()
        from sigv4 import UNSIGNED, Signer, connection

        names = []
        for _ in range(5):
            key = f"crash/cut/{uuid.uuid4()}"
            names.append(key)
            path = f"/{PLAIN}/{key}"
            wire = connection(gateway)
            wire.putrequest("PUT", path, skip_host=True, skip_accept_encoding=True)
            wire.putheader("content-length", str(50 * MIB))
            for name, value in Signer(gateway).headers("PUT", path, [], {"host": gateway.url.netloc}, UNSIGNED).items():
                wire.putheader(name, value)
            wire.endheaders(payload(4 * MIB))
        demo.kill()
        gateway = demo.start()
        s3 = gateway.client("app")
        assert not s3.list_objects_v2(Bucket=PLAIN, Prefix="crash/cut/").get("Contents")
        assert not s3.list_object_versions(Bucket=PLAIN, Prefix="crash/cut/").get("Versions")
        assert not s3.list_multipart_uploads(Bucket=PLAIN, Prefix="crash/cut/").get("Uploads")
        for key in names:
            try:
                s3.get_object(Bucket=PLAIN, Key=key)
                raise AssertionError("half a body is served")
            except ClientError as error:
                assert error.response["Error"]["Code"] == "NoSuchKey", error


@suite.case
def a_demo_killed_while_it_is_being_made_starts_again(_, scratch):
    luck = random.Random(11)
    with Demo(scratch / "demo") as demo:
        for _ in range(6):
            process = threading.Thread(target=start_quietly, args=(demo,))
            process.start()
            time.sleep(0.05 + luck.random() * 0.8)
            demo.kill()
            process.join()
        gateway = demo.start()
        assert gateway.client("physician").list_objects_v2(Bucket=gateway.facts["bucket"])["KeyCount"] > 0


def start_quietly(demo):
    try:
        demo.start()
    except (Ended, AssertionError, FileNotFoundError):
        pass  # killed on purpose


if __name__ == "__main__":
    suite.main()
