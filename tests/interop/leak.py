"""Canaries go in everywhere a client can put text; then every file, the log and the metrics are searched for them."""

import base64
import http.client
import socket
import urllib.parse
import uuid
from pathlib import Path

from harness import MIB, Suite, payload
from process import Demo

suite = Suite("leak scan", drives_its_own=True)


class Canary:
    """A word that occurs nowhere else, and the ways in which it may stand in a file."""

    def __init__(self, kind, text):
        self.kind, self.text = kind, text
        plain = text.encode()
        self.forms = {plain, plain.hex().encode(), plain.hex().upper().encode(), urllib.parse.quote(text).encode(), plain[::-1]}
        self.forms |= {text.encode("utf-16-le"), text.encode("utf-16-be"), text.encode("unicode_escape")}
        self.forms |= {text.encode("cp932", "ignore") or plain, text.upper().encode(), text.lower().encode()}
        for shift in range(3):
            # Without the characters that depend on the neighbours.
            coded = base64.b64encode(b"\0" * shift + plain)
            self.forms.add(coded[4 if shift else 0 : -4])
            self.forms.add(base64.urlsafe_b64encode(b"\0" * shift + plain)[4 if shift else 0 : -4])

    def found_in(self, content):
        return next((form for form in self.forms if form in content), None)


def word():
    return "canary" + uuid.uuid4().hex


def leave_traces(gateway, kept):
    """Every operation that takes text, allowed and refused; returns the canaries."""
    canaries = []

    def canary(kind, text=None):
        made = Canary(kind, text or word())
        canaries.append(made)
        return made.text

    s3 = gateway.client("physician")
    bucket = gateway.facts["bucket"]
    key = canary("key") + "/" + canary("directory") + "/" + canary("Japanese key", "患者" + word())
    body = canary("body").encode()
    patient = canary("patient", "P" + uuid.uuid4().hex)
    metadata = {
        "patient-id": patient,
        "note": canary("metadata"),
        canary("metadata name"): "x",
        "author": canary("author"),
        "department": canary("department"),
        "change-reason": canary("change reason"),
    }
    head = {
        "ContentDisposition": f"attachment; filename={canary('file name')}",
        "ContentType": f"text/{canary('content type')}",
        "CacheControl": canary("cache control"),
        "ContentLanguage": canary("language"),
    }
    s3.put_object(Bucket=bucket, Key=key, Body=body + payload(100_000) + body, Metadata=metadata, Tagging=f"k={canary('tag')}", **head)
    s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": [{"Key": canary("tag name"), "Value": "v"}]})
    s3.copy_object(Bucket=bucket, Key=canary("copied key"), CopySource={"Bucket": bucket, "Key": key})
    s3.list_objects_v2(Bucket=bucket, Prefix=canary("prefix"))
    s3.list_objects_v2(Bucket=bucket, StartAfter=canary("start"))

    part = {"Bucket": bucket, "Key": canary("multipart key")}
    part["UploadId"] = s3.create_multipart_upload(**part, Metadata={"note": canary("multipart metadata")})["UploadId"]
    first = s3.upload_part(**part, PartNumber=1, Body=canary("part").encode() + payload(5 * MIB))["ETag"]
    last = s3.upload_part(**part, PartNumber=2, Body=canary("last part").encode())["ETag"]
    parts = [{"PartNumber": 1, "ETag": first}, {"PartNumber": 2, "ETag": last}]
    s3.complete_multipart_upload(**part, MultipartUpload={"Parts": parts})
    left = {"Bucket": bucket, "Key": canary("open upload's key")}
    left["UploadId"] = s3.create_multipart_upload(**left)["UploadId"]
    s3.upload_part(**left, PartNumber=1, Body=canary("open part").encode())

    clerk = gateway.client("clerk")
    for call in (clerk.get_object, clerk.head_object, clerk.delete_object):
        refused(call, Bucket=bucket, Key=canary("refused key"))
    refused(clerk.put_object, Bucket=bucket, Key=canary("refused put"), Body=canary("refused body").encode())
    refused(s3.get_object, Bucket=bucket, Key=canary("absent key"))
    wrong = gateway.client("physician", secret_key=canary("wrong secret"))
    refused(wrong.put_object, Bucket=bucket, Key=canary("unsigned key"), Body=canary("unsigned body").encode())
    nobody = gateway.client("physician", access_key=canary("unknown access key", "AKIA" + uuid.uuid4().hex[:16].upper()))
    refused(nobody.get_object, Bucket=bucket, Key=canary("nobody's key"))
    cut_off(gateway, bucket, canary("cut key"), canary("cut body").encode())
    s3.delete_object(Bucket=bucket, Key=key)
    for name, who in gateway.people.items():
        canaries.append(Canary(f"secret of {name}", who["secret_key"]))
    kept.extend(canaries)


def refused(call, **arguments):
    from botocore.exceptions import ClientError

    try:
        call(**arguments)
    except ClientError:
        return
    raise AssertionError(f"{arguments} was let through")


def cut_off(gateway, bucket, key, body):
    """A body whose sender goes away in the middle."""
    from sigv4 import UNSIGNED, Signer, connection

    path = f"/{bucket}/{key}"
    wire = connection(gateway)
    wire.putrequest("PUT", path, skip_host=True, skip_accept_encoding=True)
    wire.putheader("content-length", str(10 * MIB))
    for name, value in Signer(gateway, "physician").headers("PUT", path, [], {"host": gateway.url.netloc}, UNSIGNED).items():
        wire.putheader(name, value)
    wire.endheaders(body + payload(3 * MIB) + body)
    wire.sock.close()


def contents(demo):
    """Everything that the demo has written, but for the two files that hand the demo's secrets to the reader."""
    for path in demo.directory.rglob("*"):
        if path.is_file() and path.name not in ("demo.json", "credentials.json"):
            yield path, path.read_bytes()
            yield path, str(path).encode()


def scan(demo, canaries, where):
    for path, content in where:
        for canary in canaries:
            form = canary.found_in(content)
            assert form is None, f"the {canary.kind} stands in {path} as {form[:40]!r}"


@suite.case
def nothing_readable_lies_on_the_disk(_, scratch):
    with Demo(scratch / "demo") as demo:
        gateway = demo.start()
        canaries = []
        leave_traces(gateway, canaries)
        scan(demo, canaries, contents(demo))
        # What the database holds in its write-ahead log reaches the file only when it closes.
        demo.stop()
        scan(demo, canaries, contents(demo))
        secrets = [canary for canary in canaries if not canary.kind.startswith("secret of")]
        # The demo prints its people's secrets to be pasted, and nothing else.
        scan(demo, secrets, [(demo.log_path(), demo.log_path().read_bytes())])
        files = sum(1 for _ in contents(demo))
        assert files > 10 and len(canaries) > 30, "the scan has seen too little"


@suite.case
def a_killed_gateway_leaves_nothing_readable(_, scratch):
    with Demo(scratch / "demo") as demo:
        gateway = demo.start()
        canaries = []
        leave_traces(gateway, canaries)
        demo.kill()
        scan(demo, canaries, contents(demo))


@suite.case
def metrics_and_health_name_nobody(_, scratch):
    with Demo(scratch / "demo") as demo:
        gateway = demo.start()
        canaries = []
        leave_traces(gateway, canaries)
        for path in ("/metrics", "/readyz", "/healthz"):
            said = ask_admin(gateway.facts["admin"], path)
            assert said.strip(), f"{path} is empty"
            scan(demo, canaries, [(path, said)])


def ask_admin(path, target):
    wire = http.client.HTTPConnection("localhost")
    wire.sock = socket.socket(socket.AF_UNIX)
    wire.sock.connect(path)
    wire.request("GET", target)
    return wire.getresponse().read()


@suite.case
def no_core_is_dumped_and_no_temporary_file_is_left(_, scratch):
    with Demo(scratch / "demo") as demo:
        gateway = demo.start()
        leave_traces(gateway, [])
        pid = demo.process.pid
        with open(f"/proc/{pid}/limits") as limits:
            core = next(line for line in limits if line.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"], core
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = entry.readlink().as_posix()
            except FileNotFoundError:
                continue  # closed in the meantime
            inside = target.startswith((str(demo.directory), "/dev/", "socket:", "pipe:", "anon_inode:", "/proc/"))
            assert inside or target == str(demo.log_path()), f"it holds {target} open"


@suite.case
def the_scanner_finds_what_is_planted(_, scratch):
    planted = [Canary("word", "canary0123456789abcdef"), Canary("word", "患者canary0123456789abcdef")]
    for canary in planted:
        for content in (
            canary.text.encode(),
            base64.b64encode(b"x" + canary.text.encode() + b"yz"),
            base64.b64encode(b"xy" + canary.text.encode() + b"z"),
            canary.text.encode().hex().encode(),
            canary.text.encode("utf-16-le"),
            urllib.parse.quote(canary.text).encode(),
        ):
            assert canary.found_in(b"before" + content + b"after"), content
        assert canary.found_in(payload(100_000)) is None


if __name__ == "__main__":
    suite.main()
