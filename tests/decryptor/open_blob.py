#!/usr/bin/env python3
"""Opens stored records without hozon, from docs/format.md alone.

    open_blob.py --kek data-kek.bin --dek wrapped-dek.bin --out body completing.blob [part.blob ...]

Needs the tenant's data key (32 bytes), the version's wrapped data key from the index, and the
version's blobs: the completing one first, then those of its parts in any order. Each blob holds one
frame; cut a frame out of a shared blob first. Needs the `cryptography` package.
"""

import argparse
import hmac
import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HEADER, FOOTER, STREAM_HEADER, CHUNK, TAG = 80, 24, 56, 16384, 16
SUITE = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"
MANIFEST_MEMBERS = {"v", "bucket", "attributes", "plain_length", "stream_length", "manifest_length", "parts"}
ATTRIBUTE_MEMBERS = {"key", "headers", "metadata", "facts", "checksum"}
HEADER_MEMBERS = {"content_type", "content_disposition", "content_encoding", "content_language", "cache_control", "expires"}
FACT_MEMBERS = {"patient", "class", "on_behalf_of", "change_reason", "department", "author"}
PART_MEMBERS = {"number", "attempt", "plain_length", "stream_length"}


class Refused(Exception):
    """The bytes are not what was sealed for this key and place."""


def require(condition, what):
    if not condition:
        raise Refused(what)


def hkdf_expand(key, info, length):
    out, block = b"", b""
    while len(out) < length:
        block = hmac.digest(key, block + info + bytes([len(out) // 64 + 1]), "sha512")
        out += block
    return out[:length]


def fields(*parts):
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def context(kind, *parts):
    return fields(b"hozon/v1", kind.encode(), *parts)


def use_key(master, label, *parameters):
    info = b"hozon/v1/" + label.encode() + (b"\0" if parameters else b"") + b"".join(parameters)
    return hkdf_expand(master, info, 32)


def mac(key, *parts):
    return hmac.digest(key, fields(*parts), "sha256")


def open_stream(key, bound_to, stream):
    require(len(stream) >= STREAM_HEADER + TAG, "too short for a stream")
    salt, commitment, chunks = stream[:24], stream[24:STREAM_HEADER], stream[STREAM_HEADER:]
    derived = hkdf_expand(key, SUITE + salt + bound_to, 76)
    require(hmac.compare_digest(derived[44:], commitment), "another key or place")
    require(len(chunks) % (CHUNK + TAG) >= TAG, "no stream has this length")
    cipher, base, plain = AESGCM(derived[:32]), int.from_bytes(derived[32:44], "big"), []
    for index, at in enumerate(range(0, len(chunks), CHUNK + TAG)):
        nonce = (base ^ index).to_bytes(12, "big")
        try:
            plain.append(cipher.decrypt(nonce, chunks[at : at + CHUNK + TAG], None))
        except Exception as error:
            raise Refused(f"chunk {index} was altered") from error
    return b"".join(plain)


def open_name(key, bucket, directory, entry, sealed):
    require(len(sealed) >= 12 + TAG, "too short for a name")
    try:
        return AESGCM(key).decrypt(sealed[:12], sealed[12:], bucket + directory + entry).decode()
    except Exception as error:
        raise Refused("the name was altered or is another entry's") from error


class Frame:
    """Header, stream, sealed manifest, footer."""

    def __init__(self, data):
        require(len(data) >= HEADER + FOOTER, "too short for a frame")
        require(data[:16] == b"HOZONBLB" + bytes([0, 1, 1, 0, 0, 0, 0, 0]), "unknown header")
        self.ids = [data[at : at + 16] for at in range(16, HEADER, 16)]
        footer = data[-FOOTER:]
        require(footer[16:] == b"HOZONEND", "unknown footer")
        self.stream_length = int.from_bytes(footer[:8], "big")
        self.manifest_length = int.from_bytes(footer[8:16], "big")
        require(self.stream_length or self.manifest_length, "an empty frame")
        length = HEADER + self.stream_length + self.manifest_length + FOOTER
        require(len(data) == length, "the footer's lengths do not fit")
        self.stream = data[HEADER : HEADER + self.stream_length]
        self.manifest = data[HEADER + self.stream_length : -FOOTER]

    def open_dek(self, kek, wrapped):
        tenant, bucket, version, _ = self.ids
        return open_stream(use_key(kek, "wrap-dek"), context("dek", tenant, bucket, version), wrapped)

    def open_body(self, dek):
        return open_stream(dek, context("body", *self.ids), self.stream)

    def open_manifest(self, dek):
        manifest = json.loads(open_stream(dek, context("manifest", *self.ids), self.manifest))
        check_manifest(manifest, self.ids[1].hex(), (self.stream_length, self.manifest_length))
        return manifest


def check_manifest(manifest, bucket, lengths):
    """Refuses what section 6 says is no manifest of this frame."""
    require(set(manifest) <= MANIFEST_MEMBERS, "a manifest with something unknown")
    require(manifest["v"] == 1, "unknown manifest")
    require(manifest["bucket"] == bucket, "another bucket's manifest")
    require((manifest["stream_length"], manifest["manifest_length"]) == lengths, "another frame's manifest")
    attributes = manifest["attributes"]
    require("key" in attributes and set(attributes) <= ATTRIBUTE_MEMBERS, "attributes with something unknown")
    require(set(attributes.get("headers", {})) <= HEADER_MEMBERS, "headers with something unknown")
    require(set(attributes.get("facts", {})) <= FACT_MEMBERS, "facts with something unknown")
    parts = manifest.get("parts", [])
    if lengths[0]:
        require("parts" not in manifest, "parts beside a body")
        require(stream_length(manifest["plain_length"]) == lengths[0], "another length than the body's")
        return
    require(parts, "neither a body nor parts")
    for part in parts:
        require(set(part) == PART_MEMBERS, "a part with something unknown")
        require(stream_length(part["plain_length"]) == part["stream_length"], "a part's lengths do not belong together")
    numbers = [part["number"] for part in parts]
    require(all(one < next for one, next in zip(numbers, numbers[1:])), "parts in another order")
    require(sum(part["plain_length"] for part in parts) == manifest["plain_length"], "another length than the parts'")


def stream_length(plain_length):
    """The bytes of the stream that holds a message of this length (section 2)."""
    return STREAM_HEADER + plain_length + TAG * (plain_length // CHUNK + 1)


def open_version(kek, wrapped_dek, frames):
    """The manifest and the body of a version: `frames` begins with the completing one."""
    completing = frames[0]
    dek = completing.open_dek(kek, wrapped_dek)
    manifest = completing.open_manifest(dek)
    if completing.stream_length:
        body = completing.open_body(dek)
    else:
        parts = {frame.ids[3].hex(): frame for frame in frames[1:] if frame.ids[:3] == completing.ids[:3]}
        bodies = []
        for part in manifest["parts"]:
            require(part["attempt"] in parts, f"part {part['number']} is missing")
            bodies.append(parts[part["attempt"]].open_body(dek))
            require(len(bodies[-1]) == part["plain_length"], f"part {part['number']} has another length")
        body = b"".join(bodies)
    require(len(body) == manifest["plain_length"], "the body has another length")
    return manifest, body


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kek", required=True, type=Path, help="the tenant's data key: 32 bytes")
    parser.add_argument("--dek", required=True, type=Path, help="the version's wrapped data key")
    parser.add_argument("--out", type=Path, help="where the body goes (standard output)")
    parser.add_argument("--manifest", type=Path, help="where the manifest goes (nowhere)")
    parser.add_argument("blobs", nargs="+", type=Path)
    given = parser.parse_args()
    try:
        frames = [Frame(path.read_bytes()) for path in given.blobs]
        manifest, body = open_version(given.kek.read_bytes(), given.dek.read_bytes(), frames)
    except Refused as refused:
        sys.exit(f"refused: {refused}")
    if given.manifest:
        given.manifest.write_text(json.dumps(manifest, ensure_ascii=False, indent=2))
    if given.out:
        given.out.write_bytes(body)
    else:
        sys.stdout.buffer.write(body)


if __name__ == "__main__":
    main()
