"""Stored bytes and index rows are changed behind the gateway's back: wrong bytes are never served, and the client sees it.

A body that comes whole must be the right one; anything else must end in an error that the client cannot
take for an end. Damage to bytes that a request needs must always be such an error.
"""

import http.client
import json
import shutil
import sqlite3
import time
import uuid
from contextlib import closing

from botocore.exceptions import BotoCoreError, ClientError
from harness import KIB, MIB, Suite, equal, payload, run
from process import Demo

suite = Suite("tamper", drives_its_own=True)
CHUNK = 16 * KIB + 16


class Scene:
    """A demo with a few records of which it is known in which file each lies."""

    def __init__(self, demo):
        self.demo = demo
        self.gateway = demo.start()
        self.bucket = self.gateway.facts["bucket"]
        self.gateway.give_the_other_hospital_a_bucket()
        self.s3 = self.gateway.client("physician")
        self.other = self.gateway.client("other-physician")

    def again(self):
        """Stops and starts it, so that nothing is remembered."""
        self.demo.stop()
        self.__init__(self.demo)

    def put(self, body, key=None, client=None, **more):
        """Stores a record; returns it with the file that came with it."""
        key = key or f"tamper/{uuid.uuid4()}"
        before = set(self.demo.blobs())
        version = (client or self.s3).put_object(Bucket=self.bucket, Key=key, Body=body, **more)["VersionId"]
        (path,) = set(self.demo.blobs()) - before
        return Record(key, version, body, path, client is not None)

    def read(self, record, **more):
        """The bytes, or None where the client was told of an error, with what it got before that."""
        client = self.other if record.of_the_other else self.s3
        got = b""
        try:
            answer = client.get_object(Bucket=self.bucket, Key=record.key, VersionId=record.version, **more)
            for piece in answer["Body"].iter_chunks(8 * KIB):
                got += piece
        except (ClientError, BotoCoreError, http.client.HTTPException, OSError):
            return None, got
        return got, got


class Record:
    def __init__(self, key, version, body, path, of_the_other):
        self.key, self.version, self.body, self.path, self.of_the_other = key, version, body, path, of_the_other


def must_fail(scene, record, what, wanted=None, **more):
    wanted = record.body if wanted is None else wanted
    got, before = scene.read(record, **more)
    assert got is None, f"{what}: served {'the right body' if got == wanted else 'WRONG BYTES'} ({len(got)} bytes)"
    assert wanted.startswith(before), f"{what}: wrong bytes before the failure"


def never_wrong(scene, record, what, **more):
    got, before = scene.read(record, **more)
    assert got in (None, record.body), f"{what}: WRONG BYTES ({len(got)} bytes)"
    assert record.body.startswith(before), f"{what}: wrong bytes before the failure"


def intact(scene, record, what):
    got, _ = scene.read(record)
    assert got == record.body, f"{what}: the undamaged record is not served"


@suite.case
def every_byte_class_of_a_body_is_guarded(_, scratch):
    with Demo(scratch / "demo") as demo:
        scene = Scene(demo)
        for length in (0, 1, 16 * KIB, 40 * KIB, 700 * KIB):
            record = scene.put(payload(length))
            original = record.path.read_bytes()
            total = len(original)
            # The stream is the longest part; around it lie header, manifest and footer, all a few hundred bytes.
            stream = 56 + length + 16 * (length // (16 * KIB) + 1)
            places = {0, 1, 4, 8, 16, 31, 48, 63, 64, 79, 80, 100, 119, 120, 140, total - 1, total - 8, total - 9, total - 16, total - 40}
            places |= {total - 100, stream // 2, stream // 2 + CHUNK, stream - 1}
            for at in sorted(place for place in places if 0 <= place < total):
                record.path.write_bytes(original[:at] + bytes([original[at] ^ 0x10]) + original[at + 1 :])
                never_wrong(scene, record, f"byte {at} of {total} flipped")
            # Well inside the ciphertext every flip must show.
            for at in (200 + n * 4096 for n in range(max(0, (length - 400) // 4096))):
                record.path.write_bytes(original[:at] + bytes([original[at] ^ 1]) + original[at + 1 :])
                must_fail(scene, record, f"byte {at} of {total} flipped")
            record.path.write_bytes(original)
            intact(scene, record, f"{length} bytes put back")


@suite.case
def cut_and_grown_files_are_not_whole(_, scratch):
    with Demo(scratch / "demo") as demo:
        scene = Scene(demo)
        record = scene.put(payload(600 * KIB))
        original = record.path.read_bytes()
        for length in (0, 1, 55, 100, 16 * KIB, 16 * KIB + 200, 300 * KIB, len(original) - 2 * CHUNK, len(original) - 3 * KIB - CHUNK):
            record.path.write_bytes(original[:length])
            must_fail(scene, record, f"cut to {length}")
        for length in (len(original) - 1, len(original) - 17, len(original) - 200):
            record.path.write_bytes(original[:length])
            never_wrong(scene, record, f"cut to {length}")
        record.path.write_bytes(original + original[-100:])
        never_wrong(scene, record, "grown")
        record.path.unlink()
        must_fail(scene, record, "removed")
        record.path.write_bytes(original)
        intact(scene, record, "put back")


@suite.case
def chunks_do_not_change_places(_, scratch):
    with Demo(scratch / "demo") as demo:
        scene = Scene(demo)
        record = scene.put(payload(10 * 16 * KIB))
        original = record.path.read_bytes()
        for shift in (0, 56, 100, 120, 136, 160):  # wherever the stream begins, one of these cuts near it
            first, second = shift + 2 * CHUNK, shift + 5 * CHUNK
            swapped = bytearray(original)
            swapped[first : first + CHUNK], swapped[second : second + CHUNK] = original[second : second + CHUNK], original[first : first + CHUNK]
            record.path.write_bytes(bytes(swapped))
            must_fail(scene, record, "chunks swapped")
            dropped = original[:first] + original[first + CHUNK :]
            record.path.write_bytes(dropped)
            must_fail(scene, record, "chunk dropped")
            doubled = original[:second] + original[first : first + CHUNK] + original[second + CHUNK :]
            record.path.write_bytes(doubled)
            must_fail(scene, record, "chunk doubled")
        record.path.write_bytes(original)
        intact(scene, record, "put back")


@suite.case
def bodies_do_not_change_places(_, scratch):
    with Demo(scratch / "demo") as demo:
        scene = Scene(demo)
        key = f"tamper/{uuid.uuid4()}"
        length = 50 * KIB
        old = scene.put(payload(length, "old"), key)
        new = scene.put(payload(length, "new"), key)
        beside = scene.put(payload(length, "beside"))
        theirs = scene.put(payload(length, "theirs"), key, client=scene.other)
        pairs = [(old, new, "versions"), (new, beside, "objects"), (new, theirs, "tenants")]
        for one, two, what in pairs:
            first, second = one.path.read_bytes(), two.path.read_bytes()
            one.path.write_bytes(second)
            two.path.write_bytes(first)
            must_fail(scene, one, f"bodies of two {what} swapped")
            must_fail(scene, two, f"bodies of two {what} swapped")
            one.path.write_bytes(first)
            two.path.write_bytes(second)
            intact(scene, one, what)
            intact(scene, two, what)


@suite.case
def yesterdays_bytes_are_not_todays(_, scratch):
    with Demo(scratch / "demo") as demo:
        scene = Scene(demo)
        key = f"tamper/{uuid.uuid4()}"
        yesterday = scene.put(payload(30 * KIB, "yesterday"), key)
        kept = yesterday.path.read_bytes()
        today = scene.put(payload(30 * KIB, "today"), key)
        today.path.write_bytes(kept)
        must_fail(scene, today, "yesterday's body under today's name")
        got = None
        try:
            got = scene.s3.get_object(Bucket=scene.bucket, Key=key)["Body"].read()
        except (ClientError, BotoCoreError, http.client.HTTPException, OSError):
            pass  # as it must be
        assert got is None, "the current version came as another"


@suite.case
def damage_far_inside_breaks_the_transfer(_, scratch):
    with Demo(scratch / "demo") as demo:
        scene = Scene(demo)
        body = payload(24 * MIB)
        record = scene.put(body)
        original = record.path.read_bytes()
        at = len(original) - 3 * MIB
        record.path.write_bytes(original[:at] + bytes([original[at] ^ 1]) + original[at + 1 :])
        got, before = scene.read(record)
        assert got is None, "a damaged body came to an end"
        assert body.startswith(before) and len(before) <= len(body) - 3 * MIB + 64 * KIB, "bytes beyond the damage"
        # curl, over both protocols, must not leave with success.
        who = scene.gateway.people["physician"]
        url = f"{scene.gateway.endpoint}/{scene.bucket}/{record.key}"
        for version in ("--http1.1", "--http2"):
            sign = ["--aws-sigv4", f"aws:amz:{scene.gateway.region}:s3", "-u", f"{who['access_key']}:{who['secret_key']}"]
            sign += ["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
            done = run(["curl", "-sS", version, "--cacert", scene.gateway.ca, *sign, "-o", scratch / "out", url], check=False)
            assert done.returncode != 0, f"curl {version} took a damaged body for whole"
        # The undamaged part is still there for who asks for it.
        part = scene.s3.get_object(Bucket=scene.bucket, Key=record.key, Range="bytes=100000-200000")["Body"].read()
        equal(part, body[100000:200001], "an undamaged range")
        # A range of which all is damaged gives nothing.
        damaged = {"Range": f"bytes={len(body) - 3 * MIB - 40 * KIB}-{len(body) - 3 * MIB + 40 * KIB}"}
        got, _ = scene.read(record, **damaged)
        assert got is None, "a damaged range came to an end"


@suite.case
def parts_of_an_upload_do_not_change_places(_, scratch):
    with Demo(scratch / "demo") as demo:
        scene = Scene(demo)
        key = f"tamper/{uuid.uuid4()}"
        here = {"Bucket": scene.bucket, "Key": key, "UploadId": scene.s3.create_multipart_upload(Bucket=scene.bucket, Key=key)["UploadId"]}
        bodies = [payload(5 * MIB, 1), payload(5 * MIB, 2), payload(5 * MIB, 3)]
        etags, files = [], []
        for number, body in enumerate(bodies, 1):
            before = set(demo.blobs())
            etags.append({"PartNumber": number, "ETag": scene.s3.upload_part(**here, PartNumber=number, Body=body)["ETag"]})
            (path,) = set(demo.blobs()) - before
            files.append(path)
        before = set(demo.blobs())
        version = scene.s3.complete_multipart_upload(**here, MultipartUpload={"Parts": etags})["VersionId"]
        manifests = set(demo.blobs()) - before
        record = Record(key, version, b"".join(bodies), files[0], False)
        intact(scene, record, "whole")
        first, second = files[0].read_bytes(), files[1].read_bytes()
        files[0].write_bytes(second)
        files[1].write_bytes(first)
        must_fail(scene, record, "parts swapped")
        files[0].write_bytes(first)
        files[1].unlink()
        must_fail(scene, record, "part removed")
        files[1].write_bytes(second)
        intact(scene, record, "put back")
        for path in manifests:
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 2] + bytes([content[len(content) // 2] ^ 1]) + content[len(content) // 2 + 1 :])
        scene.again()
        never_wrong(scene, record, "manifest damaged")


@suite.case
def rows_of_the_index_do_not_change_places(_, scratch):
    """Every column of every table that leads to a record is swapped between two rows, one at a time."""
    with Demo(scratch / "demo") as demo:
        scene = Scene(demo)
        shared = f"tamper/{uuid.uuid4()}"
        records = [scene.put(payload(20 * KIB, n), f"tamper/{n}/{uuid.uuid4()}", Metadata={"patient-id": f"{n:04}"}) for n in range(2)]
        records += [scene.put(payload(20 * KIB, n), shared) for n in (2, 3)]
        records.append(scene.put(payload(20 * KIB, 4), shared, client=scene.other))
        demo.stop()
        index = demo.index()
        kept = scratch / "index"
        shutil.copy(index, kept)
        tried = 0
        for table, column, one, two in list(swaps(index, records)):
            shutil.copy(kept, index)
            for leftover in (index.with_name(index.name + "-wal"), index.with_name(index.name + "-shm")):
                leftover.unlink(missing_ok=True)
            if not swap(index, table, column, one, two):
                continue
            tried += 1
            try:
                scene = Scene(demo)
            except AssertionError:
                demo.kill()
                continue  # it does not start with such an index: nothing is served
            for record in records:
                never_wrong(scene, record, f"{table}.{column} swapped")
            demo.stop()
        assert tried > 20, f"only {tried} swaps could be made"


def swaps(index, records):
    """Tables and columns to swap, and two rows of each by their rowid or key."""
    with closing(sqlite3.connect(index)) as database:
        ids = [row[0] for row in database.execute("SELECT id FROM versions ORDER BY seq DESC LIMIT ?", (len(records),))]
        newest = dict(zip(reversed(records), ids))
        pairs = [(records[0], records[1]), (records[2], records[3]), (records[3], records[4])]
        for one, two in pairs:
            first, second = newest[one], newest[two]
            for table, key in (("versions", "id"), ("deks", "version")):
                for column in columns(database, table):
                    if column != key:
                        yield table, column, (key, first), (key, second)
        entries = [database.execute("SELECT entry FROM versions WHERE id = ?", (newest[record],)).fetchone()[0] for record in records]
        for first, second in ((entries[0], entries[1]), (entries[3], entries[4])):
            for column in columns(database, "entries"):
                if column != "id":
                    yield "entries", column, ("id", first), ("id", second)
        tenants = [row[0] for row in database.execute("SELECT id FROM tenants")]
        for table in ("keks", "secrets"):
            for column in ("wrapped",):
                yield table, column, ("tenant", tenants[0]), ("tenant", tenants[1])


def columns(database, table):
    return [row[1] for row in database.execute(f"PRAGMA table_info({table})")]


def swap(index, table, column, one, two):
    """Swaps one column of two rows; False where they are alike or a constraint forbids it."""
    with closing(sqlite3.connect(index)) as database:
        values = [database.execute(f"SELECT {column} FROM {table} WHERE {key} = ?", (value,)).fetchone() for key, value in (one, two)]
        if None in values or values[0] == values[1]:
            return False
        try:
            for (key, value), new in ((one, values[1]), (two, values[0])):
                database.execute(f"UPDATE OR FAIL {table} SET {column} = ? WHERE {key} = ?", (new[0], value))
        except sqlite3.IntegrityError:
            return False
        database.commit()
    return True


def outcomes_of(scene, key):
    """What the auditor is told of each read of the record, newest first: the reason or the outcome."""
    said = scene.gateway.program("audit", "search", "--demo", scene.demo.directory, "--key", key, "--limit", "50", "--output", "json")
    events = json.loads(said.stdout)["events"]
    return [event["outcome"]["result"] if "outcome" in event else event.get("reason") for event in events if event["operation"] == "GetObject"]


def must_be_on_record(scene, record, what, wanted):
    """Within a moment: what breaks a transfer is written right behind it."""
    deadline = time.monotonic() + 5
    while wanted not in outcomes_of(scene, record.key):
        assert time.monotonic() < deadline, f"{what}: no event tells of it: {outcomes_of(scene, record.key)}"
        time.sleep(0.05)


@suite.case
def damage_is_on_record(_, scratch):
    with Demo(scratch / "demo") as demo:
        scene = Scene(demo)
        body = payload(3 * MIB)

        def flipped(content):
            return content[:50_000] + bytes([content[50_000] ^ 1]) + content[50_001:]

        def flipped_far_inside(content):
            return content[:-500_000] + bytes([content[-500_000] ^ 1]) + content[-499_999:]

        changes = [
            ("flipped", flipped),
            ("flipped far inside", flipped_far_inside),
            ("cut", lambda content: content[:1_000_000]),
            ("emptied", lambda _: b""),
            ("removed", None),
        ]
        for what, change in changes:
            record = scene.put(body)
            if change is None:
                record.path.unlink()
            else:
                record.path.write_bytes(change(record.path.read_bytes()))
            must_fail(scene, record, what)
            must_be_on_record(scene, record, what, "damaged")
        rows = [
            ("data key", "UPDATE deks SET wrapped = zeroblob(length(wrapped)) WHERE seq = (SELECT max(seq) FROM deks)", "damaged"),
            ("version row", "UPDATE versions SET size = size + 1 WHERE seq = (SELECT max(seq) FROM versions)", "index-damaged"),
        ]
        for what, sql, wanted in rows:
            record = scene.put(body)
            demo.stop()
            with closing(sqlite3.connect(demo.index())) as database:
                assert database.execute(sql).rowcount == 1, what
                database.commit()
            scene = Scene(demo)
            must_fail(scene, record, what)
            must_be_on_record(scene, record, what, wanted)


if __name__ == "__main__":
    suite.main()
