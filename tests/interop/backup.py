"""Backups: a lost index comes back, an earlier moment comes back without what must not, and a drill tells good from bad."""

import json
import os
import random
import shutil
import tempfile
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from harness import KIB, MIB, Suite, equal, payload, run
from process import Demo

suite = Suite("backup", drives_its_own=True)
PLAIN = "files"
# Settings of an index on PostgreSQL, as JSON; a file where there are none.
POSTGRES = json.loads(os.environ.get("BACKUP_POSTGRES", "{}"))
SCHEMA = "HOZON__INDEX__POSTGRES__SCHEMA"


class Place:
    """A demo that keeps a backup."""

    def __enter__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="hozon-backup-"))
        self.environment = {"HOZON__BACKUP__DIRECTORY": str(self.directory / "backup"), **POSTGRES}
        if POSTGRES:
            self.environment[SCHEMA] = f"backup_{os.urandom(4).hex()}"
        os.environ.update(self.environment)
        self.demo = Demo(self.directory / "demo")
        return self

    def __exit__(self, *_):
        self.demo.kill()
        for name in self.environment:
            del os.environ[name]
        shutil.rmtree(self.directory)

    def start(self):
        self.gateway = self.demo.start()
        return self.gateway

    def offline(self, *arguments, check=True):
        """Runs a command that needs no gateway; what it prints as JSON."""
        program = [os.environ.get("HOZON", "hozon"), *arguments, "--config", str(self.directory / "demo" / "hozon.toml"), "--output", "json"]
        done = run(program, check=check, cwd=self.directory)
        return done if not check else json.loads(done.stdout)

    def status(self):
        return json.loads(self.gateway.program("backup", "status", "--output", "json").stdout)

    def caught_up(self, timeout=60):
        """Waits until everything so far is in the backup."""
        now = datetime.now(timezone.utc)
        began = time.monotonic()
        while time.monotonic() - began < timeout:
            status = self.status()
            if status["snapshot"] and status["until"] and moment(status["until"]) > now:
                return status
            time.sleep(0.1)
        raise AssertionError(f"the backup does not catch up: {status}")

    def lose_the_index(self):
        if POSTGRES:
            os.environ[SCHEMA] = f"backup_{os.urandom(4).hex()}"
            return
        index = self.demo.index()
        for file in index.parent.glob(index.name + "*"):
            file.unlink()


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def everything(s3):
    """All versions of the bucket with their bodies."""
    found = {}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=PLAIN):
        for row in page.get("Versions", []):
            body = s3.get_object(Bucket=PLAIN, Key=row["Key"], VersionId=row["VersionId"])["Body"].read()
            found[row["Key"], row["VersionId"]] = (row["ETag"], row["IsLatest"], row["Size"], body)
        for row in page.get("DeleteMarkers", []):
            found[row["Key"], row["VersionId"]] = ("marker", row["IsLatest"])
    return found


def fill(s3):
    s3.put_bucket_versioning(Bucket=PLAIN, VersioningConfiguration={"Status": "Enabled"})
    for number in range(40):
        key = f"d{number % 4}/e{number % 3}/{number}"
        s3.put_object(Bucket=PLAIN, Key=key, Body=payload(number * 700, number), Metadata={"patient-id": f"p{number}"})
        if number % 5 == 0:
            s3.put_object(Bucket=PLAIN, Key=key, Body=payload(900, number))
        if number % 7 == 0:
            s3.delete_object(Bucket=PLAIN, Key=key)
    upload = s3.create_multipart_upload(Bucket=PLAIN, Key="large")["UploadId"]
    parts = []
    for number in (1, 2):
        part = s3.upload_part(Bucket=PLAIN, Key="large", UploadId=upload, PartNumber=number, Body=payload(5 * MIB, number))
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    s3.complete_multipart_upload(Bucket=PLAIN, Key="large", UploadId=upload, MultipartUpload={"Parts": parts})


@suite.case
def a_lost_index_comes_back_whole(_, __):
    with Place() as place:
        s3 = place.start().client()
        fill(s3)
        before = everything(s3)
        status = place.caught_up()
        assert status["segments"] > 0 and status["loss_window_secs"] <= 3, status
        place.demo.kill()
        place.lose_the_index()
        report = place.offline("recover")
        equal((report["store"]["missing"], report["store"]["truncated"], report["store"]["unknown"]), (0, 0, 0), "comparison")
        equal(report["store"]["frames"], place_frames(place), "frames")
        s3 = place.start().client()
        equal(everything(s3), before, "every version")
        equal(s3.head_object(Bucket=PLAIN, Key="d1/e1/1")["Metadata"]["patient-id"], "p1", "metadata")
        store = json.loads(place.gateway.program("store", "show", "--output", "json").stdout)
        equal(store["collector"], "held", "collector")
        accepted = json.loads(place.gateway.program("store", "accept", "--seen", str(store["seen"]), "--output", "json").stdout)
        equal(accepted["collector"], "on", "collector")
        # It goes on as a backup of its own, from which the index comes back again.
        s3.put_object(Bucket=PLAIN, Key="later", Body=b"later")
        place.caught_up()
        before = everything(s3)
        place.demo.kill()
        place.lose_the_index()
        place.offline("recover")
        equal(everything(place.start().client()), before, "every version, again")


def place_frames(place):
    return len(place.demo.blobs()) - sum(path.name == "hozon-store" for path in place.demo.blobs())


@suite.case
def what_was_acknowledged_before_the_loss_window_survives_a_kill_under_load(_, __):
    with Place() as place:
        gateway = place.start()
        acknowledged = {}
        stop = threading.Event()

        def write(writer):
            s3, luck = gateway.client(), random.Random(writer)
            number = 0
            while not stop.is_set():
                key, body = f"load/{writer}/{number}", payload(luck.choice([10, 5_000, 200 * KIB]), luck.random())
                try:
                    s3.put_object(Bucket=PLAIN, Key=key, Body=body)
                except (ClientError, BotoCoreError):
                    return
                acknowledged[key] = (time.time(), body)
                number += 1

        writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
        for writer in writers:
            writer.start()
        place.caught_up()
        time.sleep(6)
        place.demo.kill()
        stop.set()
        for writer in writers:
            writer.join()
        place.lose_the_index()
        report = place.offline("recover")
        until = moment(report["moment"]).timestamp()
        newest = max(at for at, _ in acknowledged.values())
        print(f"      {len(acknowledged)} acknowledged, the loss window was {newest - until:.2f} s")
        assert newest - until < 5, "the journal is not shipped about every second"
        s3 = place.start().client()
        lost = 0
        for key, (at, body) in acknowledged.items():
            try:
                equal(s3.get_object(Bucket=PLAIN, Key=key)["Body"].read(), body, key)
            except ClientError as error:
                assert error.response["Error"]["Code"] == "NoSuchKey", error
                assert at > until, f"{key} was acknowledged {until - at:.2f} s before the moment that came back"
                lost += 1
        equal(report["store"]["missing"], 0, "bodies that are missing")
        assert report["store"]["unknown"] >= lost, (report["store"], lost)


@suite.case
def an_earlier_moment_comes_back_without_what_must_not(_, __):
    with Place() as place:
        gateway = place.start()
        s3 = gateway.client()
        s3.put_object(Bucket=PLAIN, Key="a/kept", Body=b"kept")
        s3.put_object(Bucket=PLAIN, Key="b/deleted later", Body=b"deleted by mistake")
        place.caught_up()
        time.sleep(1.2)
        then = datetime.now(timezone.utc).isoformat()
        time.sleep(1.2)
        s3.delete_object(Bucket=PLAIN, Key="b/deleted later")
        s3.put_object(Bucket=PLAIN, Key="c/written later", Body=b"later")
        # A final record, and a credential that is revoked: neither goes back.
        physician = gateway.client("physician")
        final = {"record-class": "chart.medical", "patient-id": "0001", "record-state": "final"}
        physician.put_object(Bucket="karte", Key="final/1", Body=b"final", Metadata=final)
        nurse = gateway.people["nurse"]
        gateway.program("credential", "disable", nurse["access_key"], "--tenant", nurse["tenant"])
        place.caught_up()
        place.demo.kill()
        place.lose_the_index()
        report = place.offline("restore", "--to", then)
        assert report["left_out"] >= 1 and report["kept_final"] >= 1, report
        # The demo writes its facts anew, so the people of before are used.
        people = gateway.people
        gateway = place.start()
        gateway.people.update(people)
        s3 = gateway.client()
        keys = [row["Key"] for row in s3.list_objects_v2(Bucket=PLAIN)["Contents"]]
        assert "a/kept" in keys and "b/deleted later" in keys and "c/written later" not in keys, keys
        equal(s3.get_object(Bucket=PLAIN, Key="b/deleted later")["Body"].read(), b"deleted by mistake", "body")
        equal(gateway.client("physician").get_object(Bucket="karte", Key="final/1")["Body"].read(), b"final", "final body")
        try:
            gateway.client("nurse").list_objects_v2(Bucket="karte")
            raise AssertionError("the revoked credential is back")
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error
        # No event of what was taken back is forgotten, and the restore is one itself.
        events = json.loads(gateway.program("audit", "search", "--demo", str(gateway.directory), "--limit", "1000", "--output", "json").stdout)["events"]
        actions = {(event["action"], event["subject"].get("key")) for event in events}
        assert any(action == "restore-index" for action, _ in actions), actions
        assert any(key == "c/written later" for _, key in actions), actions


@suite.case
def a_drill_says_what_is_good_and_what_is_not(_, __):
    with Place() as place:
        s3 = place.start().client()
        fill(s3)
        place.caught_up()
        report = place.offline("backup", "drill", "--records", "20")
        equal((report["drill"], report["read"], report["read_good"]), ("good", 20, 20), "drill")
        assert report["keys_opened"] >= 6 and not report["keys_not_opened"], report
        equal([path for path in place.directory.iterdir() if "scratch" in path.name], [], "what it left behind")
        assert all(piece["result"] == "good" for piece in place.offline("backup", "verify"))
        victim = max(place.demo.blobs(), key=lambda path: path.stat().st_size)
        victim.write_bytes(b"x" + victim.read_bytes()[1:])
        done = place.offline("backup", "drill", "--records", "100000", check=False)
        equal(done.returncode, 1, "exit code")
        assert b"not as it was stored" in done.stdout, done.stdout


@suite.case
def a_harmed_backup_gives_what_it_can_when_somebody_says_so(_, __):
    with Place() as place:
        s3 = place.start().client()
        s3.put_object(Bucket=PLAIN, Key="before", Body=b"before")
        place.caught_up()
        for number in range(4):
            s3.put_object(Bucket=PLAIN, Key=f"later {number}", Body=b"later")
            place.caught_up()
        place.demo.kill()
        place.lose_the_index()
        segments = sorted((place.directory / "backup").glob("*/journal/*"))
        harmed = segments[-2].read_bytes()
        segments[-2].write_bytes(harmed[:-9])
        refused = place.offline("recover", check=False)
        equal(refused.returncode, 1, "exit code")
        said = refused.stderr.decode()
        assert "--until" in said and "whole up to" in said, said
        until = said.split("whole up to ")[1].split("Z")[0] + "Z"
        report = place.offline("recover", "--until", until)
        equal(report["moment"], until, "moment")
        s3 = place.start().client()
        equal(s3.get_object(Bucket=PLAIN, Key="before")["Body"].read(), b"before", "what came before")
        place.demo.kill()
        # What somebody else has put there is left out by name.
        segments[-2].write_bytes(harmed)
        forged = segments[-1].with_name(segments[-1].name.replace("-00000", "-09999", 1))
        forged.write_bytes(b"none of ours")
        place.lose_the_index()
        refused = place.offline("recover", "--backup", forged.parent.parent.name, check=False)
        equal(refused.returncode, 1, "exit code")
        place.offline("recover", "--backup", forged.parent.parent.name, "--without", "/".join(forged.parts[-3:]))
        s3 = place.start().client()
        equal(s3.get_object(Bucket=PLAIN, Key="later 3")["Body"].read(), b"later", "the newest")


if __name__ == "__main__":
    suite.main()
