#!/usr/bin/env python3
"""Runs the frozen vectors of tests/vectors through open_blob.py."""

import base64
import hashlib
import json
import sys
from pathlib import Path

import open_blob as hozon

VECTORS = Path(__file__).parent.parent / "vectors"


def edited(frame, edits):
    data = bytearray(frame)
    for edit in edits:
        match edit:
            case {"flip": at, "mask": mask}:
                data[at] ^= mask
            case {"cut": length}:
                del data[len(data) - length :]
            case {"remove": at, "length": length}:
                del data[at : at + length]
            case {"insert": at, "bytes": text}:
                data[at:at] = bytes.fromhex(text)
            case {"swap": one, "with": other, "length": length}:
                first, second = data[one : one + length], data[other : other + length]
                data[one : one + length], data[other : other + length] = second, first
            case {"write": at, "bytes": text}:
                new = bytes.fromhex(text)
                data[at : at + len(new)] = new
            case _:
                raise ValueError(f"unknown edit {edit}")
    return bytes(data)


def opened(kek, wrapped, frame, expected):
    parsed = hozon.Frame(frame)
    hozon.require(parsed.ids == [bytes.fromhex(expected[name]) for name in IDS], "another place")
    dek = parsed.open_dek(kek, wrapped)
    manifest = parsed.open_manifest(dek) if parsed.manifest else None
    return parsed, dek, manifest, parsed.open_body(dek) if parsed.stream else b""


IDS = ["tenant", "bucket", "version", "attempt"]


def check_frames():
    document = json.loads((VECTORS / "frames-v1.json").read_text())
    kek, good, count = bytes.fromhex(document["kek"]), {}, 0
    for name, vector in document["frames"].items():
        frame, wrapped = base64.b64decode(vector["frame"]), bytes.fromhex(vector["wrapped_dek"])
        _, _, manifest, body = opened(kek, wrapped, frame, vector)
        assert len(body) == vector["plain_length"], name
        assert hashlib.sha256(body).hexdigest() == vector["plain_sha256"], name
        assert (manifest or {}).get("attributes") == vector["attributes"], name
        good[name], count = (frame, wrapped, vector), count + 1
    for version in document["versions"]:
        frames = [hozon.Frame(good[name][0]) for name in version["frames"]]
        _, body = hozon.open_version(kek, good[version["frames"][0]][1], frames)
        assert hashlib.sha256(body).hexdigest() == version["plain_sha256"], version["name"]
        count += 1
    for hostile in document["hostile"]:
        frame, wrapped, vector = good[hostile["base"]]
        try:
            wrapped = edited(wrapped, hostile.get("wrapped_edits", []))
            opened(kek, wrapped, edited(frame, hostile["edits"]), vector | hostile.get("asked_as", {}))
        except hozon.Refused:
            count += 1
        else:
            sys.exit(f"{hostile['name']} was opened")
    return count


def check_manifests():
    """What the frozen frames cannot show, because nobody can seal it but hozon: a manifest that opens and is not right."""
    bucket, count = "ab" * 16, 0
    part = {"number": 1, "attempt": "cd" * 16, "plain_length": 5, "stream_length": hozon.stream_length(5)}
    parts = {"v": 1, "bucket": bucket, "attributes": {"key": "k"}, "plain_length": 10, "stream_length": 0, "manifest_length": 328}
    parts["parts"] = [part, part | {"number": 2}]
    whole = {"v": 1, "bucket": bucket, "attributes": {"key": "k"}, "plain_length": 5, "manifest_length": 328}
    whole["stream_length"] = hozon.stream_length(5)
    hostile = [
        (whole, whole | {"extra": 1}),
        (whole, whole | {"v": 2}),
        (whole, whole | {"bucket": "00" * 16}),
        (whole, whole | {"plain_length": 6}),
        (whole, whole | {"stream_length": whole["stream_length"] + 1}),
        (whole, whole | {"parts": [part]}),
        (whole, whole | {"attributes": {"key": "k", "extra": 1}}),
        (whole, whole | {"attributes": {"key": "k", "facts": {"extra": "1"}}}),
        (parts, parts | {"parts": []}),
        (parts, parts | {"plain_length": 11}),
        (parts, parts | {"parts": [part, part]}),
        (parts, parts | {"parts": [part, part | {"number": 2, "stream_length": part["stream_length"] + 1}]}),
        (parts, parts | {"parts": [part, part | {"number": 2, "extra": 1}]}),
    ]
    for base, wrong in hostile:
        lengths = base["stream_length"], base["manifest_length"]
        hozon.check_manifest(base, bucket, lengths)
        try:
            hozon.check_manifest(wrong, bucket, lengths)
        except hozon.Refused:
            count += 1
        else:
            sys.exit(f"taken for a manifest: {wrong}")
    return count


def check_keys():
    document = json.loads((VECTORS / "keys-v1.json").read_text())
    master, count = bytes.fromhex(document["master"]), 0
    for vector in document["uses"]:
        key = hozon.use_key(master, vector["label"], *map(bytes.fromhex, vector["parameters"]))
        parts = [bytes.fromhex(part) for part in vector["parts"]]
        assert hozon.mac(key, *parts).hex() == vector["mac"], vector["label"]
        count += 1
    probe = hozon.use_key(master, "probe")
    for vector in document["messages"]:
        bound_to = hozon.context(vector["kind"], *map(bytes.fromhex, vector["fields"]))
        opened = hozon.open_stream(probe, bound_to, bytes.fromhex(vector["sealed"]))
        assert opened.hex() == vector["plain"], vector["kind"]
        count += 1
    for vector in document["names"]:
        place = [bytes.fromhex(vector[name]) for name in ("bucket", "directory", "entry")]
        key = hozon.use_key(master, "seal-name", *place[:2])
        assert hozon.open_name(key, *place, bytes.fromhex(vector["sealed"])) == vector["name"]
        count += 1
    for vector in document["tokens"]:
        parts = [vector["kind"].encode(), bytes.fromhex(vector["scope"]), vector["value"].encode()]
        assert hozon.mac(master, *parts).hex() == vector["token"], vector["kind"]
        count += 1
    return count


if __name__ == "__main__":
    print(f"{check_frames() + check_manifests() + check_keys()} vectors as expected")
