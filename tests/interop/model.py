"""Random operations on the gateway and on a plain dictionary, compared after each step.

MODEL_SEED runs one sequence, MODEL_STEPS sets its length. A sequence that has found something keeps its
seed below, under the name of what it found.
"""

import os
import random

from botocore.exceptions import ClientError
from harness import KIB, MIB, Suite, bucket_of, equal, payload

suite = Suite("model")
STEPS = int(os.environ.get("MODEL_STEPS", "120"))
SEEDS = [int(os.environ["MODEL_SEED"])] if "MODEL_SEED" in os.environ else [1, 2, 3]
KEYS = ["a", "a/b", "a/b/c", "a/b/d", "a//b", "a.b", "b/", "b/c", "日/本", "日/語", "z z", "é"]
SIZES = [0, 1, 100, 16 * KIB - 1, 16 * KIB, 16 * KIB + 1, 100 * KIB, MIB + 1]
MARKER = None


class Model:
    """A bucket as a dictionary: for each key its versions, oldest first, as [id, body]; a marker has no body."""

    def __init__(self, versioning):
        self.versioning = versioning
        self.keys = {}
        self.uploads = {}

    def put(self, key, version, body):
        rows = self.keys.setdefault(key, [])
        if version is None or version == "null":
            version = "null"
            rows[:] = [row for row in rows if row[0] != "null"]
        rows.append([version, body])

    def delete(self, key, marker):
        """A delete without a version id; `marker` is the id that the gateway gave its marker."""
        if self.versioning == "Off":
            self.keys.pop(key, None)
        else:
            self.put(key, marker if self.versioning == "Enabled" else "null", MARKER)

    def delete_version(self, key, version):
        rows = [row for row in self.keys.get(key, []) if row[0] != version]
        self.keys[key] = rows
        if not rows:
            del self.keys[key]

    def current(self, key):
        rows = self.keys.get(key)
        return rows[-1][1] if rows else MARKER

    def present(self):
        return {key: self.current(key) for key in self.keys if self.current(key) is not MARKER}

    def listing(self, prefix, delimiter):
        rows = {}
        for key, body in self.present().items():
            if not key.startswith(prefix):
                continue
            rest = key[len(prefix) :]
            if delimiter and delimiter in rest:
                rows[prefix + rest.split(delimiter)[0] + delimiter] = None
            else:
                rows[key] = len(body)
        return sorted(rows.items(), key=lambda row: row[0].encode())


class Run:
    """One sequence on one bucket."""

    def __init__(self, s3, bucket, versioning, seed):
        self.s3, self.bucket, self.random = s3, bucket, random.Random(f"{seed}/{versioning}")
        self.model = Model("Off")
        self.history = []
        if versioning != "Off":
            self.set_versioning(versioning)

    def set_versioning(self, status):
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": status})
        self.model.versioning = status

    def step(self):
        operations = [(8, self.put), (4, self.delete), (2, self.delete_version), (3, self.copy), (2, self.multipart), (1, self.batch)]
        operations += [(3, self.get_range), (3, self.list), (2, self.put_if), (1, self.list_versions), (1, self.abort)]
        if self.model.versioning != "Off":
            operations.append((1, self.toggle))
        chosen = self.random.choices([o for _, o in operations], [w for w, _ in operations])[0]
        self.history.append(chosen.__name__)
        chosen()

    def body(self):
        return payload(self.random.choice(SIZES), self.random.random())

    def key(self):
        return self.random.choice(KEYS)

    def present(self):
        keys = sorted(self.model.present())
        return self.random.choice(keys) if keys else None

    def note(self, *what):
        self.history[-1] += f" {what}"

    def put(self):
        key, body = self.key(), self.body()
        self.note(key, len(body))
        self.model.put(key, self.s3.put_object(Bucket=self.bucket, Key=key, Body=body).get("VersionId"), body)

    def put_if(self):
        key, body = self.key(), self.body()
        self.note(key, len(body))
        try:
            answer = self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, IfNoneMatch="*")
        except ClientError as error:
            equal(error.response["Error"]["Code"], "PreconditionFailed", "conditional put")
            assert self.model.current(key) is not MARKER, "refused though the key was absent"
            return
        assert self.model.current(key) is MARKER, "accepted though the key was there"
        self.model.put(key, answer.get("VersionId"), body)

    def delete(self):
        key = self.key()
        answer = self.s3.delete_object(Bucket=self.bucket, Key=key)
        self.note(key, answer.get("VersionId"))
        self.model.delete(key, answer.get("VersionId"))

    def delete_version(self):
        rows = [(key, row[0]) for key, versions in sorted(self.model.keys.items()) for row in versions]
        if rows:
            key, version = self.random.choice(rows)
            self.note(key, version)
            self.s3.delete_object(Bucket=self.bucket, Key=key, VersionId=version)
            self.model.delete_version(key, version)

    def batch(self):
        keys = self.random.sample(KEYS, 4)
        self.note(*keys)
        answer = self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in keys]})
        markers = {row["Key"]: row.get("DeleteMarkerVersionId") for row in answer["Deleted"]}
        equal(sorted(markers), sorted(keys), "answers of a batch")
        for key in keys:
            self.model.delete(key, markers[key])

    def copy(self):
        source, target = self.present(), self.key()
        if source is None:
            return
        self.note(source, target)
        more = {"MetadataDirective": "REPLACE"} if source == target else {}
        made = self.s3.copy_object(Bucket=self.bucket, Key=target, CopySource={"Bucket": self.bucket, "Key": source}, **more)
        self.model.put(target, made.get("VersionId"), self.model.current(source))

    def multipart(self):
        key = self.key()
        bodies = [payload(5 * MIB, self.random.random()), payload(self.random.choice(SIZES), 2)][self.random.randrange(2) :]
        here = {"Bucket": self.bucket, "Key": key, "UploadId": self.s3.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"]}
        parts = [
            {"PartNumber": n, "ETag": self.s3.upload_part(**here, PartNumber=n, Body=body)["ETag"]} for n, body in enumerate(bodies, 1)
        ]
        self.note(key, [len(body) for body in bodies])
        made = self.s3.complete_multipart_upload(**here, MultipartUpload={"Parts": parts})
        self.model.put(key, made.get("VersionId"), b"".join(bodies))

    def abort(self):
        key = self.key()
        here = {"Bucket": self.bucket, "Key": key, "UploadId": self.s3.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"]}
        self.s3.upload_part(**here, PartNumber=1, Body=b"given up")
        self.s3.abort_multipart_upload(**here)

    def toggle(self):
        self.set_versioning("Suspended" if self.model.versioning == "Enabled" else "Enabled")
        self.note(self.model.versioning)

    def get_range(self):
        key = self.present()
        if key is None or not self.model.current(key):
            return
        body = self.model.current(key)
        first = self.random.randrange(len(body))
        last = self.random.randrange(first, len(body) + 10)
        got = self.s3.get_object(Bucket=self.bucket, Key=key, Range=f"bytes={first}-{last}")["Body"].read()
        equal(got, body[first : last + 1], f"{key} {first}-{last}")

    def list(self):
        prefix = self.random.choice(["", "a", "a/", "a/b", "日/", "none", "b/"])
        delimiter = self.random.choice(["", "/", "b"])
        size = self.random.choice([1, 2, 3, 1000])
        self.note(prefix, delimiter, size)
        rows = []
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix, Delimiter=delimiter, PaginationConfig={"PageSize": size}
        )
        for page in pages:
            here = [(row["Key"], row["Size"]) for row in page.get("Contents", [])]
            here += [(row["Prefix"], None) for row in page.get("CommonPrefixes", [])]
            assert len(here) <= size
            rows += sorted(here, key=lambda row: row[0].encode())
        equal(rows, self.model.listing(prefix, delimiter), f"listing {prefix!r} {delimiter!r} by {size}")

    def list_versions(self):
        size = self.random.choice([1, 3, 1000])
        rows = []
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, PaginationConfig={"PageSize": size}):
            rows += [(row["Key"], row["VersionId"], row["IsLatest"]) for row in page.get("Versions", []) + page.get("DeleteMarkers", [])]
        wanted = [(key, row[0], row is rows_[-1]) for key, rows_ in self.model.keys.items() for row in rows_]
        equal(sorted(rows), sorted(wanted), "versions")

    def compare(self):
        """The whole bucket, every version of it."""
        for key in KEYS:
            wanted = self.model.current(key)
            try:
                got = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            except ClientError as error:
                equal(error.response["Error"]["Code"], "NoSuchKey", key)
                got = MARKER
            if got != wanted:
                raise AssertionError(f"{key}: {got and len(got)} bytes for {wanted and len(wanted)}")
        for key, rows in self.model.keys.items():
            for version, body in rows:
                if body is not MARKER:
                    got = self.s3.get_object(Bucket=self.bucket, Key=key, VersionId=version)["Body"].read()
                    equal(got, body, f"{key} {version}")
        self.list_versions()


def run_sequences(gateway, versioning):
    s3 = gateway.client()
    for seed in SEEDS:
        with bucket_of(s3, "model") as bucket:
            run = Run(s3, bucket, versioning, seed)
            try:
                for number in range(STEPS):
                    run.step()
                    if number % 10 == 9:
                        run.compare()
                run.compare()
            except Exception as error:
                tail = "\n         ".join(run.history[-12:])
                raise AssertionError(f"seed {seed}, step {len(run.history)}: {error}\n         {tail}") from error


@suite.case
def a_bucket_without_versions_is_a_dictionary(gateway, _):
    run_sequences(gateway, "Off")


@suite.case
def a_bucket_with_versions_keeps_them_all(gateway, _):
    run_sequences(gateway, "Enabled")


if __name__ == "__main__":
    suite.main()
