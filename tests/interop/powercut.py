"""The power goes at every step of a short run, and what was not synced goes with it: what was acknowledged is there.

A demo runs once under powercut.c, which writes down every call that changes its directory. disk.py tells what may be
there after each of them; a demo is started on that and has to show what its client knew. So one run is cut everywhere.

POWERCUT_EVERY  besides the moments at which most is at stake, every so many steps are looked at (7)
POWERCUT_LUCK   how often chance decides at each of these moments what had arrived (2)
POWERCUT_IGNORE "files" or "directories": the run is recorded as if their fsync did nothing, and losses come to light
Needs a C compiler for what is preloaded.
"""

import base64
import bisect
import copy
import hashlib
import json
import math
import os
import random
import re
import shutil
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

from disk import Disk, Names, Nothing, Some, records
from harness import KIB, MIB, Suite, equal, payload, run
from process import Demo, Ended
from sigv4 import Signer, connection, send

suite = Suite("powercut", drives_its_own=True)
EVERY = int(os.environ.get("POWERCUT_EVERY", "7"))
LUCK = int(os.environ.get("POWERCUT_LUCK", "2"))
AT_A_TIME = 2
PLAIN, RECORDS, VERSIONED = "files", "karte", "cut-versions"
RECORDS_MADE = 5
NEVER = math.inf


def digest(body):
    return hashlib.sha256(body).hexdigest()[:16]


class Caller:
    """Signed requests of one client on one connection, one after the other. Keeps what it was told of each."""

    def __init__(self, gateway):
        self.gateway, self.wire, self.ids = gateway, connection(gateway), []

    def ask(self, method, path, query=(), body=b"", headers=None, person="app"):
        signer, query = Signer(self.gateway, person), list(query)
        hash_ = hashlib.sha256(body).hexdigest()
        signed = signer.headers(method, path, query, {"host": self.gateway.url.netloc, **(headers or {})}, hash_)
        answer = send(self.gateway, method, path, query, signed, body, on=self.wire)
        assert answer.status < 300, f"{method} {path} {query}: {answer}"
        self.ids.append(answer.headers["x-hozon-request-id"])
        return answer

    def document(self, path, *query):
        text = self.ask("GET", path, query).body.decode()
        return ElementTree.fromstring(re.sub(' xmlns="[^"]*"', "", text))

    def close(self):
        self.wire.close()


def observe(caller):
    """All that a client can see: buckets, in them versions with content and tags, and open uploads with their parts."""
    names = [row.findtext("Name") for row in caller.document("/").iter("Bucket")]
    return {bucket: {"versions": versions(caller, bucket), "uploads": uploads(caller, bucket)} for bucket in names}


def versions(caller, bucket):
    """By key its versions, newest first, each as [id, what it is]."""
    seen, current = {}, {}
    for row in caller.document(f"/{bucket}", ("versions", "")):
        if row.tag not in ("Version", "DeleteMarker"):
            continue
        key, version = row.findtext("Key"), row.findtext("VersionId")
        what = "marker"
        if row.tag == "Version":
            body = caller.ask("GET", f"/{bucket}/{key}", [("versionId", version)]).body
            assert len(body) == int(row.findtext("Size")), f"{key}: listed with {row.findtext('Size')} bytes, has {len(body)}"
            tags = caller.document(f"/{bucket}/{key}", ("tagging", ""), ("versionId", version)).iter("Tag")
            what = [digest(body), {tag.findtext("Key"): tag.findtext("Value") for tag in tags}]
        seen.setdefault(key, []).append([version, what])
        if row.findtext("IsLatest") == "true" and row.tag == "Version":
            current[key] = int(row.findtext("Size"))
    listed = caller.document(f"/{bucket}", ("list-type", "2")).iter("Contents")
    listed = {row.findtext("Key"): int(row.findtext("Size")) for row in listed}
    assert listed == current, f"{bucket}: the listing has {listed}, versions say {current}"
    return seen


def uploads(caller, bucket):
    """By key and id of each open upload its parts."""
    seen = {}
    for row in caller.document(f"/{bucket}", ("uploads", "")).iter("Upload"):
        key, upload = row.findtext("Key"), row.findtext("UploadId")
        parts = caller.document(f"/{bucket}/{key}", ("uploadId", upload)).iter("Part")
        seen[key, upload] = {int(part.findtext("PartNumber")): part.findtext("ETag") for part in parts}
    return seen


def logged(caller):
    """The ids of all events on record."""
    ids, page = set(), {"next": None}
    while True:
        query = [("limit", "1000")] + ([("before", str(page["next"]))] if page["next"] is not None else [])
        page = json.loads(caller.ask("GET", "/-/v1/audit/events", query, person="auditor").body)
        ids |= {event["id"] for event in page["events"]}
        if page["next"] is None or not page["events"]:
            return ids


class Act:
    """One thing that a client did: when it was sent and acknowledged, by bytes of the trace, and what holds since then."""

    def __init__(self, name, sent, acknowledged, ids, world, parts):
        self.name, self.sent, self.acknowledged, self.ids = name, sent, acknowledged, ids
        self.world, self.parts = world, parts


class Recording:
    """A run of a demo under powercut.c, and what its client knew when."""

    def __init__(self, scratch, seeded=None, **environment):
        self.room, self.trace = scratch / "room", scratch / "trace"
        self.room.mkdir()
        if seeded:
            shutil.copytree(seeded, self.room / "demo")
        self.before = Disk(self.room)
        self.demo = Apart(self.room / "demo")
        self.environment = {
            "LD_PRELOAD": str(library(scratch)),
            "POWERCUT_ROOT": str(self.room),
            "POWERCUT_TRACE": str(self.trace),
            "POWERCUT_IGNORE": os.environ.get("POWERCUT_IGNORE", ""),
            **environment,
        }
        self.acts, self.world, self.parts = [], None, {}

    def start(self, **environment):
        facts = self.demo.directory / "demo.json"
        if facts.exists():
            # Its driver would remove what a killed demo has left; here that has to be seen.
            run(["rm", facts], env={**os.environ, **self.environment})
        self.gateway = self.demo.start(**self.environment, **environment)
        self.people = self.gateway.people
        self.caller = Caller(self.gateway)

    def length(self):
        return self.trace.stat().st_size

    def act(self, name, work):
        """Does something, after which the world is as `work` has made it."""
        sent, asked = self.length(), len(self.caller.ids)
        try:
            work(self.caller, self)
            acknowledged = self.length()
        except (OSError, HTTPException):
            acknowledged = NEVER
        ids = self.caller.ids[asked:]
        self.acts.append(Act(name, sent, acknowledged, ids, copy.deepcopy(self.world), copy.deepcopy(self.parts)))
        return acknowledged < NEVER

    def end(self):
        """Ends the run, and sees to it that no call was missed."""
        self.demo.kill()
        self.records = list(records(self.trace))
        # An answer was sent at the latest record of that kind before it came; not when the client looked at the trace.
        sent = [record.end for record in self.records if record.kind == "O"]
        for act in self.acts:
            if act.acknowledged < NEVER:
                act.acknowledged = sent[bisect.bisect_right(sent, act.acknowledged) - 1]
        disk = copy.deepcopy(self.before)
        for record in self.records:
            disk.take(record)
        missed = disk.differences(self.room)
        assert not missed, f"powercut.c does not see every call: {missed[:5]}"
        return self


class Apart(Demo):
    """A demo whose own output is not below the directory that is watched."""

    def log_path(self):
        return self.directory.parent.with_suffix(".log")


def library(scratch):
    made = scratch / "powercut.so"
    if not made.exists():
        source = Path(__file__).with_name("powercut.c")
        run(["cc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", made, source, "-ldl"])
    return made


# What the client of the recorded run does.


def look(caller, run_):
    run_.world = observe(caller)


def put(bucket, key, body, headers=None):
    def work(caller, run_):
        what = [digest(body), {}]
        if bucket == PLAIN:
            # Before it is asked for: where no answer comes it may be there all the same.
            new_version(run_.world[bucket], key, "null", what)
        answer = caller.ask("PUT", f"/{bucket}/{key}", body=body, headers=headers)
        new_version(run_.world[bucket], key, answer.headers.get("x-amz-version-id", "null"), what)

    return work


def new_version(bucket, key, version, what):
    rows = bucket["versions"].setdefault(key, [])
    rows[:] = [[version, what], *(row for row in rows if row[0] != version)]


def copy_of(bucket, key, source):
    def work(caller, run_):
        caller.ask("PUT", f"/{bucket}/{key}", headers={"x-amz-copy-source": f"/{bucket}/{source}"})
        new_version(run_.world[bucket], key, "null", copy.deepcopy(run_.world[bucket]["versions"][source][0][1]))

    return work


def delete(bucket, key, version=None):
    def work(caller, run_):
        answer = caller.ask("DELETE", f"/{bucket}/{key}", [("versionId", version(run_))] if version else [])
        kept = run_.world[bucket]["versions"]
        if version or bucket != VERSIONED:
            kept[key] = [row for row in kept[key] if version and row[0] != version(run_)]
            if not kept[key]:
                del kept[key]
        else:
            new_version(run_.world[bucket], key, answer.headers["x-amz-version-id"], "marker")

    return work


def tag(bucket, key, **tags):
    def work(caller, run_):
        rows = "".join(f"<Tag><Key>{name}</Key><Value>{value}</Value></Tag>" for name, value in tags.items())
        body = f"<Tagging><TagSet>{rows}</TagSet></Tagging>".encode()
        if tags:
            caller.ask("PUT", f"/{bucket}/{key}", [("tagging", "")], body, content_md5(body))
        else:
            caller.ask("DELETE", f"/{bucket}/{key}", [("tagging", "")])
        run_.world[bucket]["versions"][key][0][1][1] = tags

    return work


def content_md5(body):
    return {"content-md5": base64.b64encode(hashlib.md5(body).digest()).decode()}


def make_bucket(name):
    def work(caller, run_):
        caller.ask("PUT", f"/{name}")
        run_.world[name] = {"versions": {}, "uploads": {}}

    return work


def remove_bucket(name):
    def work(caller, run_):
        caller.ask("DELETE", f"/{name}")
        del run_.world[name]

    return work


def keep_versions(name):
    def work(caller, _):
        body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        caller.ask("PUT", f"/{name}", [("versioning", "")], body, content_md5(body))

    return work


def open_upload(key):
    def work(caller, run_):
        text = caller.ask("POST", f"/{PLAIN}/{key}", [("uploads", "")]).body
        upload = re.search(rb"<UploadId>([^<]+)<", text)[1].decode()
        run_.world[PLAIN]["uploads"][key, upload] = {}
        run_.parts[key, upload] = {}

    return work


def of_key(run_, key):
    return next(found for found in run_.parts if found[0] == key)


def part(key, number, body):
    def work(caller, run_):
        upload = of_key(run_, key)
        answer = caller.ask("PUT", f"/{PLAIN}/{key}", [("partNumber", str(number)), ("uploadId", upload[1])], body)
        run_.world[PLAIN]["uploads"][upload][number] = answer.headers["etag"]
        run_.parts[upload][number] = body

    return work


def complete(caller, upload, etags):
    rows = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>" for n, etag in sorted(etags.items()))
    body = f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>".encode()
    caller.ask("POST", f"/{PLAIN}/{upload[0]}", [("uploadId", upload[1])], body)


def joined(parts):
    return b"".join(body for _, body in sorted(parts.items()))


def complete_upload(key):
    def work(caller, run_):
        upload = of_key(run_, key)
        complete(caller, upload, run_.world[PLAIN]["uploads"].pop(upload))
        new_version(run_.world[PLAIN], key, "null", [digest(joined(run_.parts.pop(upload))), {}])

    return work


def abort_upload(key):
    def work(caller, run_):
        upload = of_key(run_, key)
        caller.ask("DELETE", f"/{PLAIN}/{key}", [("uploadId", upload[1])])
        del run_.world[PLAIN]["uploads"][upload], run_.parts[upload]

    return work


def wait(seconds):
    return lambda _caller, _run: time.sleep(seconds)


def oldest(bucket, key):
    return lambda run_: run_.world[bucket]["versions"][key][-1][0]


RECORD_HEADERS = {"x-amz-meta-patient-id": "0001234", "x-amz-meta-record-class": "chart.medical"}
SHORT = [
    ("look", look),
    ("put", put(PLAIN, "a", payload(3000))),
    ("put in a directory", put(PLAIN, "d/e/b", payload(20 * KIB))),
    ("overwrite", put(PLAIN, "a", payload(3100))),
    ("tag", tag(PLAIN, "a", colour="green")),
    ("put large", put(PLAIN, "large", payload(MIB + 300 * KIB))),
    ("copy", copy_of(PLAIN, "copy", "d/e/b")),
    ("put a record", put(RECORDS, "patients/0001234/note.txt", payload(500), RECORD_HEADERS)),
    ("make a bucket", make_bucket(VERSIONED)),
    ("keep versions", keep_versions(VERSIONED)),
    ("put a version", put(VERSIONED, "v", payload(100))),
    ("put another version", put(VERSIONED, "v", payload(200))),
    ("open an upload", open_upload("m")),
    ("first part", part("m", 1, payload(5 * MIB))),
    ("second part", part("m", 2, payload(1000))),
    ("second part again", part("m", 2, payload(1001))),
    ("complete the upload", complete_upload("m")),
    # The log of the database is folded into its file meanwhile.
    ("wait", wait(0.8)),
    ("open another upload", open_upload("n")),
    ("its part", part("n", 1, payload(2000))),
    ("open a third upload", open_upload("o")),
    ("its part as well", part("o", 1, payload(2001))),
    ("abort the third upload", abort_upload("o")),
    ("delete", delete(PLAIN, "a")),
    ("untag", tag(PLAIN, "copy")),
    ("delete with a marker", delete(VERSIONED, "v")),
    ("delete a version", delete(VERSIONED, "v", oldest(VERSIONED, "v"))),
    ("make a bucket to go", make_bucket("cut-goes")),
    ("remove the bucket", remove_bucket("cut-goes")),
    ("put the last", put(PLAIN, "z", payload(10))),
    ("wait again", wait(0.6)),
]


# The cuts.


class Cut:
    """The power goes after so many steps, of which so much arrived."""

    def __init__(self, step, variant, done, is_asked, directory):
        self.step, self.variant, self.done, self.is_asked, self.directory = step, variant, done, is_asked, directory

    def __str__(self):
        return f"step {self.step}, {self.variant}, {self.done} acts acknowledged"


def cuts(recording, place, begin=0):
    """Every state that may be found after a cut, laid out below `place`; of equal ones the last, which has most to show.
    Those at records before `begin` are left out."""
    disk, step, found = recording.before, 0, 0

    def cut(variant, arrival, end):
        nonlocal found
        found += 1
        done = sum(1 for act in recording.acts if act.acknowledged <= end)
        is_asked = done < len(recording.acts) and recording.acts[done].sent < end
        directory = place / f"cut-{found}"
        disk.lay_out(arrival, directory)
        return Cut(step, variant, done, is_asked, directory)

    def by_chance(number):
        return cut(f"some of it ({step}/{number})", Some(random.Random(f"{step}/{number}")), end)

    end = 0
    for number, record in enumerate(recording.records):
        is_settling = disk.is_settling(record) or (record.kind == "W" and record.c)
        if is_settling and number >= begin:
            yield cut("nothing that was not synced", Nothing(), end)
            for chance in range(LUCK):
                yield by_chance(chance)
        if (is_settling or record.kind == "N") and number >= begin:
            yield cut("all names, content only if synced", Names(), end)
        disk.take(record)
        end, step = record.end, step + record.is_step()
        if record.is_step() and step % EVERY == 0 and number >= begin:
            yield by_chance(LUCK)
    yield cut("nothing that was not synced", Nothing(), end)
    yield cut("all names, content only if synced", Names(), end)
    yield by_chance(LUCK + 1)


def check(recording, cut):
    """A demo goes on from what is there and shows all that was acknowledged, and nothing half."""
    with Demo(cut.directory / "demo") as demo:
        gateway = demo.start()
        caller = Caller(gateway)
        world, on_record = observe(caller), logged(caller)
        acts = recording.acts
        if cut.done == 0:
            is_whole = len(world[RECORDS]["versions"]) == RECORDS_MADE and PLAIN in world
            assert is_whole, f"a start that nobody had seen the end of goes on with {world}"
        else:
            assert gateway.people == recording.people, "people whose credentials were given out are gone"
            last = acts[cut.done - 1]
            if cut.is_asked and acts[cut.done].world != last.world and acts[cut.done].world == world:
                last = acts[cut.done]
            assert world == last.world, f"after `{last.name}` there is not what was acknowledged: {difference(world, last.world)}"
            for act in acts[: acts.index(last) + 1]:
                missing = set(act.ids) - on_record
                assert not missing, f"{len(missing)} requests of `{act.name}` are not on record"
            go_on(caller, last)
        caller.close()


def difference(found, wanted):
    for bucket in found.keys() | wanted.keys():
        for kind in ("versions", "uploads"):
            here, there = (world.get(bucket, {}).get(kind, {}) for world in (found, wanted))
            for key in here.keys() | there.keys():
                if here.get(key) != there.get(key):
                    return f"{bucket} {kind} {key}: {here.get(key)} for {there.get(key)}"
    return f"buckets {sorted(found)} for {sorted(wanted)}"


def go_on(caller, last):
    """Open uploads have all of their parts, and the gateway takes new records."""
    for upload, parts in last.parts.items():
        if parts:
            complete(caller, upload, last.world[PLAIN]["uploads"][upload])
            body = caller.ask("GET", f"/{PLAIN}/{upload[0]}").body
            assert body == joined(parts), f"the parts of {upload[0]} are not what was sent"
    caller.ask("PUT", f"/{PLAIN}/after", body=b"after")
    assert caller.ask("GET", f"/{PLAIN}/after").body == b"after"


def losses(recording, at_most=10, begin=0):
    """Checks all cuts from record `begin` on, some at a time; how many there were, and the first of those that lost something."""
    found, count, free = [], 0, threading.Semaphore(AT_A_TIME + 1)

    def look_at(cut):
        try:
            check(recording, cut)
        except Exception as error:  # whatever it is, it was found at this cut
            found.append((cut.step, f"{cut}: {type(error).__name__}: {error}"))
        finally:
            shutil.rmtree(cut.directory, ignore_errors=True)
            free.release()

    with tempfile.TemporaryDirectory(prefix="hozon-powercut-", dir=quick_place()) as place, ThreadPoolExecutor(AT_A_TIME) as pool:
        for cut in cuts(recording, Path(place), begin):
            count += 1
            free.acquire()
            pool.submit(look_at, cut)
            if len(found) >= at_most:
                break
        pool.shutdown()
    return count, [text for _, text in sorted(found)]


def quick_place():
    """Memory, where there is enough: what is laid out need not survive anything."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > 1 << 30 else None


def lose_nothing(recording):
    count, found = losses(recording)
    print(f"       {count} cuts in {len(recording.records)} records", flush=True)
    assert not found, f"{len(found)} of {count} cuts lost something:\n" + "\n".join(found)


def seeded(scratch):
    """A demo that has begun already, and was stopped."""
    with Demo(scratch / "seeded") as demo:
        demo.start()
        demo.stop()
    return scratch / "seeded"


def recorded(scratch, acts, seed=None, **environment):
    recording = Recording(scratch, seed, **environment)
    with recording.demo:
        recording.start()
        for name, work in acts:
            assert recording.act(name, work), f"the demo ended at `{name}`: {recording.demo.log()[-800:]}"
        return recording.end()


# Every call that powercut.c knows, in a directory; beside each what of it is durable is said at the end.
CALLS = """
import ctypes, os, socket, sys
c = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    assert getattr(c, name)(*arguments) >= 0, (name, os.strerror(ctypes.get_errno()))
def long(number):
    return ctypes.c_long(number)
os.chdir(sys.argv[1])
here = os.open(".", os.O_RDONLY)
file = os.open("a", os.O_RDWR | os.O_CREAT, 0o600)
os.write(file, b"0123456789"); os.writev(file, [b"ab", b"", b"cd"]); os.pwrite(file, b"P", 3); os.pwritev(file, [b"Q", b"R"], 5)
os.lseek(file, 2, 0); os.write(file, b"at two"); os.ftruncate(file, 12); os.truncate("a", 11)
os.posix_fallocate(file, 0, 64); call("fallocate", file, 3, long(4), long(4))
os.fsync(file)
os.pwrite(file, b"lost", 0)
other = os.open("b", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600, dir_fd=here)
os.write(other, b"one"); os.write(other, b"two")
os.fdatasync(other)
copied = os.open("c", os.O_RDWR | os.O_CREAT, 0o600)
os.copy_file_range(file, copied, 20, 0); os.sendfile(copied, other, 0, 6)
dsync = os.open("d", os.O_WRONLY | os.O_CREAT | os.O_DSYNC, 0o600)
os.write(dsync, b"at once")
os.link("a", "linked"); os.link("b", "linked-too", src_dir_fd=here, dst_dir_fd=here)
os.mkdir("m"); os.mkdir("n", dir_fd=here); os.symlink("a", "s"); os.symlink("b", "t", dir_fd=here)
os.rename("b", "renamed"); os.rename("c", "m/c", src_dir_fd=here, dst_dir_fd=here)
call("renameat2", -100, b"a", -100, b"renamed", 2)
call("creat", b"made", 0o600); os.open("made", os.O_WRONLY | os.O_TRUNC)
for name in ("one", "two", "three"): os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
os.unlink("one"); os.unlink("two", dir_fd=here); call("remove", b"three")
os.mkdir("gone"); os.rmdir("gone"); os.mkdir("gone"); os.rmdir("gone", dir_fd=here)
socket.socket(socket.AF_UNIX).bind("socket")
os.fsync(here)
os.rename("renamed", "never"); os.unlink("linked")
"""


@suite.case
def no_call_is_missed_and_only_what_was_synced_is_durable(_, scratch):
    room, trace, after = scratch / "room", scratch / "trace", scratch / "after"
    room.mkdir()
    disk, environment = Disk(room), {"POWERCUT_ROOT": str(room), "POWERCUT_TRACE": str(trace)}
    run([sys.executable, "-c", CALLS, room], env={**os.environ, **environment, "LD_PRELOAD": str(library(scratch))})
    for record in records(trace):
        disk.take(record)
    assert not disk.differences(room), disk.differences(room)
    disk.lay_out(Nothing(), after)
    names = {"a", "d", "linked", "linked-too", "m", "made", "n", "renamed", "s", "socket", "t"}
    equal(set(os.listdir(after)), names, "names")
    equal((after / "a").read_bytes(), b"onetwo", "what was exchanged")
    equal((after / "d").read_bytes(), b"at once", "what was written with O_DSYNC")
    equal((after / "renamed").read_bytes(), (b"01at" + bytes(4) + b"89a").ljust(64, b"\0"), "what was synced")
    equal(os.listdir(after / "m"), [], "a directory that was not synced itself")
    disk.lay_out(Names(), after)
    equal(set(os.listdir(after)), names - {"renamed", "linked"} | {"never"}, "all names")
    equal((after / "m" / "c").read_bytes(), b"", "a file that was not synced")


@suite.case
def a_cut_at_any_step_of_a_run_loses_nothing_acknowledged(_, scratch):
    recording = recorded(scratch, SHORT, seeded(scratch))
    lose_nothing(recording)


@suite.case
def a_cut_at_any_step_of_the_first_start_loses_nothing_acknowledged(_, scratch):
    recording = recorded(scratch, SHORT[:4])
    lose_nothing(recording)


def killed_and_started_again(scratch, at):
    """A first start is killed at a step, so that nothing is lost yet; one more start goes on, and then the power goes."""
    recording = Recording(scratch)
    with recording.demo:
        try:
            recording.start(POWERCUT_AT=str(at))
            number = 0
            is_alive = recording.act("look", look)
            while is_alive and recording.act(f"put {number}", put(PLAIN, "k", payload(1000 + number))):
                number += 1
        except (Ended, OSError, HTTPException):
            pass  # it had not come so far
        recording.demo.ends_soon()
        killed = sum(1 for record in records(recording.trace) if record.is_step())
        assert killed == at, f"killed at step {killed}, not {at}"
        begin = sum(1 for _ in records(recording.trace))
        # What was acknowledged to whom is known of the second run; of the first all that it shows is taken up.
        known = [act for act in recording.acts if act.acknowledged < NEVER]
        people = getattr(recording, "people", None)
        recording.start()
        recording.acts = []
        recording.act("look", look)
        if known and known[-1].world:
            assert recording.people == people, f"step {at}: the people of a killed demo are gone"
        recording.act("put", put(PLAIN, "a", payload(3000)))
        return recording.end(), begin


@suite.case
def a_cut_after_a_kill_loses_nothing_acknowledged(_, scratch):
    """What a killed process has left unsynced the next one finds, and takes for durable."""
    steps = [*range(1, 13), *range(50, 1000, 120)]

    def lost(at):
        place = scratch / f"killed-{at}"
        place.mkdir()
        recording, _ = killed_and_started_again(place, at)
        # The last moments: all that was ever left unsynced is lost in them.
        _, found = losses(recording, begin=len(recording.records))
        shutil.rmtree(place)
        return [f"killed at {at}, then cut at {text}" for text in found]

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        found = [text for texts in pool.map(lost, steps) for text in texts]
    assert not found, f"{len(found)} cuts lost something:\n" + "\n".join(found[:10])


@suite.case
def without_the_fsync_of_files_or_directories_it_finds_losses(_, scratch):
    """The test of this test."""
    seed = seeded(scratch)
    for ignored in ("files", "directories"):
        place = scratch / ignored
        place.mkdir()
        _, found = losses(recorded(place, SHORT[:3], seed, POWERCUT_IGNORE=ignored), at_most=1)
        assert found, f"the fsync of {ignored} did nothing, and no cut lost anything"


if __name__ == "__main__":
    suite.main()
