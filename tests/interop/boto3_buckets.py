"""boto3: buckets, versions, and every way to list."""

import uuid

from harness import Suite, bucket_of, equal, refused

suite = Suite("boto3 buckets")


@suite.case
def buckets_are_made_found_and_deleted(gateway, _):
    s3 = gateway.client()
    with bucket_of(s3) as bucket:
        s3.head_bucket(Bucket=bucket)
        assert bucket in [row["Name"] for row in s3.list_buckets()["Buckets"]]
        told = s3.get_bucket_location(Bucket=bucket)["LocationConstraint"]
        equal(told or "us-east-1", gateway.region, "location")
        refused("BucketAlreadyOwnedByYou", s3.create_bucket, status=409, Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="k", Body=b"")
        refused("BucketNotEmpty", s3.delete_bucket, status=409, Bucket=bucket)
        s3.delete_object(Bucket=bucket, Key="k")
        s3.delete_bucket(Bucket=bucket)
        refused("404", s3.head_bucket, status=404, Bucket=bucket)
        refused("NoSuchBucket", s3.list_objects_v2, status=404, Bucket=bucket)
        refused("NoSuchBucket", s3.delete_bucket, status=404, Bucket=bucket)


@suite.case
def bucket_names_follow_the_rules(gateway, _):
    import re

    import botocore.handlers

    s3 = gateway.client()
    # botocore would refuse these names by itself; the question is what the gateway does.
    s3.meta.events.unregister("before-parameter-build.s3", botocore.handlers.validate_bucket_name)
    for name in ("ab", "x" * 64, "Upper", "under_score", "dot..dot", "-dash", "dash-", "192.168.0.1", "xn--puny", "name-s3alias"):
        assert re.fullmatch(".{2,64}", name)
        refused("InvalidBucketName", s3.create_bucket, status=400, Bucket=name)


@suite.case
def an_open_upload_keeps_its_bucket(gateway, _):
    if not gateway.is_hozon:
        return
    s3 = gateway.client()
    with bucket_of(s3) as bucket:
        upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        refused("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)
        s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)


@suite.case
def versions_stack_up_and_can_be_read_one_by_one(gateway, _):
    s3 = gateway.client()
    with bucket_of(s3) as bucket:
        assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="v", Body=b"null")
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        equal(s3.get_bucket_versioning(Bucket=bucket)["Status"], "Enabled", "status")
        ids = [s3.put_object(Bucket=bucket, Key="v", Body=f"{n}".encode())["VersionId"] for n in range(3)]
        equal(len(set(ids)), 3, "distinct version ids")
        for number, version in enumerate(ids):
            got = s3.get_object(Bucket=bucket, Key="v", VersionId=version)
            equal((got["Body"].read(), got["VersionId"]), (f"{number}".encode(), version), "version")
        equal(s3.get_object(Bucket=bucket, Key="v", VersionId="null")["Body"].read(), b"null", "null version")
        marker = s3.delete_object(Bucket=bucket, Key="v")
        equal(marker.get("DeleteMarker"), True, "delete marker")
        gone = refused("NoSuchKey", s3.get_object, status=404, Bucket=bucket, Key="v")
        equal(gone["ResponseMetadata"]["HTTPHeaders"].get("x-amz-delete-marker"), "true", "marker header")
        refused("MethodNotAllowed", s3.get_object, status=405, Bucket=bucket, Key="v", VersionId=marker["VersionId"])
        equal(s3.get_object(Bucket=bucket, Key="v", VersionId=ids[2])["Body"].read(), b"2", "still there")
        listed = s3.list_object_versions(Bucket=bucket)
        equal([row["VersionId"] for row in listed["Versions"]], [*reversed(ids), "null"], "newest first")
        equal([row["IsLatest"] for row in listed["Versions"]], [False] * 4, "none is the latest")
        equal([(row["VersionId"], row["IsLatest"]) for row in listed["DeleteMarkers"]], [(marker["VersionId"], True)], "marker")
        back = s3.delete_object(Bucket=bucket, Key="v", VersionId=marker["VersionId"])
        equal((back.get("DeleteMarker"), back["VersionId"]), (True, marker["VersionId"]), "removed marker")
        equal(s3.get_object(Bucket=bucket, Key="v")["Body"].read(), b"2", "back again")
        s3.delete_object(Bucket=bucket, Key="v", VersionId=ids[2])
        equal(s3.get_object(Bucket=bucket, Key="v")["Body"].read(), b"1", "the one before")
        refused("NoSuchVersion", s3.get_object, status=404, Bucket=bucket, Key="v", VersionId=ids[2])
        refused(("InvalidArgument", "NoSuchVersion"), s3.get_object, Bucket=bucket, Key="v", VersionId="no-such-shape")


@suite.case
def suspended_versioning_replaces_only_the_null_version(gateway, _):
    s3 = gateway.client()
    with bucket_of(s3) as bucket:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        kept = s3.put_object(Bucket=bucket, Key="s", Body=b"kept")["VersionId"]
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
        for body in (b"one", b"two"):
            s3.put_object(Bucket=bucket, Key="s", Body=body)
        listed = s3.list_object_versions(Bucket=bucket)["Versions"]
        equal([row["VersionId"] for row in listed], ["null", kept], "one null version")
        equal(s3.get_object(Bucket=bucket, Key="s")["Body"].read(), b"two", "current")
        marker = s3.delete_object(Bucket=bucket, Key="s")
        equal(marker.get("VersionId"), "null", "a null marker replaces the null version")
        listed = s3.list_object_versions(Bucket=bucket)
        equal([row["VersionId"] for row in listed["Versions"]], [kept], "versions left")
        equal(s3.get_object(Bucket=bucket, Key="s", VersionId=kept)["Body"].read(), b"kept", "old version")


@suite.case
def copies_and_deletes_name_versions(gateway, _):
    s3 = gateway.client()
    with bucket_of(s3) as bucket:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        first = s3.put_object(Bucket=bucket, Key="c", Body=b"first")["VersionId"]
        s3.put_object(Bucket=bucket, Key="c", Body=b"second")
        made = s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "c", "VersionId": first}, MetadataDirective="REPLACE")
        equal(made["CopySourceVersionId"], first, "source version")
        equal(s3.get_object(Bucket=bucket, Key="c")["Body"].read(), b"first", "restored by copy")
        said = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "c", "VersionId": first}, {"Key": "c"}]})
        equal(len(said["Deleted"]), 2, "answers")
        assert [row for row in said["Deleted"] if row.get("VersionId") == first and not row.get("DeleteMarker")], said
        assert [row for row in said["Deleted"] if row.get("DeleteMarker") and row.get("DeleteMarkerVersionId")], said
        s3.put_object_tagging(Bucket=bucket, Key="c", VersionId=made["VersionId"], Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
        tags = s3.get_object_tagging(Bucket=bucket, Key="c", VersionId=made["VersionId"])
        equal((tags["TagSet"], tags["VersionId"]), ([{"Key": "k", "Value": "v"}], made["VersionId"]), "tags of a version")


TREE = ["a", "a.txt", "a/1", "a/2", "a/b/3", "a0", "b/", "b/x", "c//d", "c/d", "日/月", "日/本/語", "z"]


def filled(s3, bucket, keys=TREE):
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())


def reference(keys, prefix="", delimiter="", after=""):
    """What S3 lists: keys and common prefixes, in byte order."""
    rows = []
    for key in sorted(keys, key=lambda key: key.encode()):
        if not key.startswith(prefix):
            continue
        rest = key[len(prefix) :]
        if delimiter and delimiter in rest:
            row = ("prefix", prefix + rest.split(delimiter)[0] + delimiter)
        else:
            row = ("key", key)
        if row[1].encode() > after.encode() and row not in rows:
            rows.append(row)
    return rows


@suite.case
def listings_of_either_kind_agree_with_the_model(gateway, _):
    s3 = gateway.client()
    with bucket_of(s3) as bucket:
        filled(s3, bucket)
        cases = [("", ""), ("", "/"), ("a", "/"), ("a/", "/"), ("a/b", ""), ("c/", "/"), ("日/", "/"), ("none", "/"), ("", "."), ("a/", "b"), ("", "/d")]
        for prefix, delimiter in cases:
            for size in (1, 2, 1000):
                asked = {"Bucket": bucket, "Prefix": prefix, "Delimiter": delimiter, "PaginationConfig": {"PageSize": size}}
                wanted = reference(TREE, prefix, delimiter)
                for operation in ("list_objects_v2", "list_objects"):
                    rows, pages = [], 0
                    for page in s3.get_paginator(operation).paginate(**asked):
                        pages += 1
                        here = [("key", row["Key"], row["Size"]) for row in page.get("Contents", [])]
                        here += [("prefix", row["Prefix"], 0) for row in page.get("CommonPrefixes", [])]
                        assert len(here) <= size, f"{len(here)} entries on a page of {size}"
                        rows += sorted(here, key=lambda row: row[1].encode())
                        for kind, name, length in here:
                            assert kind == "prefix" or length == len(name.encode()), "size"
                    equal([row[:2] for row in rows], wanted, f"{operation} {prefix!r} {delimiter!r} by {size}")


@suite.case
def listings_start_where_they_are_told(gateway, _):
    s3 = gateway.client()
    with bucket_of(s3) as bucket:
        filled(s3, bucket)
        for after in ("", "a", "a/", "a/1", "a/b", "a0", "b/", "c/", "m", "z", "日/本", "zz"):
            page = s3.list_objects_v2(Bucket=bucket, StartAfter=after)
            equal([row["Key"] for row in page.get("Contents", [])], [name for _, name in reference(TREE, after=after)], f"after {after}")
            page = s3.list_objects(Bucket=bucket, Marker=after)
            equal([row["Key"] for row in page.get("Contents", [])], [name for _, name in reference(TREE, after=after)], f"marker {after}")
        page = s3.list_objects_v2(Bucket=bucket, Delimiter="/", StartAfter="a/3", MaxKeys=3)
        names = [row["Key"] for row in page.get("Contents", [])] + [row["Prefix"] for row in page.get("CommonPrefixes", [])]
        equal([name for name in sorted(names) if name != "a/"][:2], ["a0", "b/"], "directories after the start")
        equal(s3.list_objects_v2(Bucket=bucket, MaxKeys=0).get("KeyCount"), 0, "no keys asked, none given")
        refused("InvalidArgument", s3.list_objects_v2, status=400, Bucket=bucket, ContinuationToken="no token of ours")
        owner = s3.list_objects_v2(Bucket=bucket, FetchOwner=True, MaxKeys=1)["Contents"][0]
        assert owner["Owner"]["ID"], owner


@suite.case
def a_prefix_with_strange_characters_is_encoded(gateway, _):
    s3 = gateway.client()
    keys = ["p q+r/1", "p q+r/2", "p%20q/3", "p&q/4", "p\x01q/5"]
    with bucket_of(s3) as bucket:
        filled(s3, bucket, keys)
        page = s3.list_objects_v2(Bucket=bucket, Prefix="p q+r/", Delimiter="/", EncodingType="url")
        assert [row["Key"] for row in page["Contents"]] == ["p%20q%2Br/1", "p%20q%2Br/2"] or page["Contents"][0]["Key"] == "p+q%2Br/1", page["Contents"]
        page = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
        equal([row["Prefix"] for row in page["CommonPrefixes"]], ["p\x01q/", "p q+r/", "p%20q/", "p&q/"], "decoded by the client")


@suite.case
def versions_are_listed_in_pages(gateway, _):
    s3 = gateway.client()
    with bucket_of(s3) as bucket:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        wanted = []
        for key in ("a/x", "a/y", "b"):
            ids = [s3.put_object(Bucket=bucket, Key=key, Body=b"1")["VersionId"] for _ in range(3)]
            ids.append(s3.delete_object(Bucket=bucket, Key=key)["VersionId"])
            wanted += [(key, version) for version in reversed(ids)]
        for size in (1, 2, 5, 1000):
            found = []
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": size}):
                rows = page.get("Versions", []) + page.get("DeleteMarkers", [])
                assert len(rows) <= size
                here = sorted((row["Key"], row["VersionId"]) for row in rows)
                # boto3 parts versions from delete markers, so only the order over pages can be seen.
                assert not found or not here or found[-1][0] <= here[0][0], "keys in order over the pages"
                found += here
            equal(sorted(found), sorted(wanted), f"versions by {size}")
        page = s3.list_object_versions(Bucket=bucket, Delimiter="/")
        equal([row["Prefix"] for row in page["CommonPrefixes"]], ["a/"], "prefixes")
        page = s3.list_object_versions(Bucket=bucket, Prefix="a/y")
        equal({row["Key"] for row in page["Versions"]}, {"a/y"}, "by prefix")
        equal(s3.list_objects_v2(Bucket=bucket)["KeyCount"], 0, "all are deleted")


@suite.case
def a_thousand_and_more_keys_come_in_pages(gateway, _):
    from concurrent.futures import ThreadPoolExecutor

    s3 = gateway.client(max_pool_connections=8)
    keys = [f"dir{n % 7}/{n:05}" for n in range(1203)]
    with bucket_of(s3) as bucket:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=b"."), keys))
        page = s3.list_objects_v2(Bucket=bucket)
        equal((page["KeyCount"], page["IsTruncated"]), (1000, True), "first page")
        rest = s3.list_objects_v2(Bucket=bucket, ContinuationToken=page["NextContinuationToken"])
        equal((rest["KeyCount"], rest["IsTruncated"]), (203, False), "second page")
        equal([row["Key"] for row in page["Contents"] + rest["Contents"]], sorted(keys), "keys")
        equal(len(s3.list_objects_v2(Bucket=bucket, Delimiter="/")["CommonPrefixes"]), 7, "directories")


@suite.case
def small_questions_have_their_answers(gateway, _):
    s3 = gateway.client()
    with bucket_of(s3) as bucket:
        s3.put_object(Bucket=bucket, Key="k", Body=b"", ACL="private")
        for acl in (s3.get_bucket_acl(Bucket=bucket), s3.get_object_acl(Bucket=bucket, Key="k")):
            equal([grant["Permission"] for grant in acl["Grants"]], ["FULL_CONTROL"], "acl")
        refused("NoSuchBucketPolicy", s3.get_bucket_policy, status=404, Bucket=bucket)
        refused("NoSuchCORSConfiguration", s3.get_bucket_cors, status=404, Bucket=bucket)
        refused("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, status=404, Bucket=bucket)
        refused("NoSuchWebsiteConfiguration", s3.get_bucket_website, status=404, Bucket=bucket)
        refused("ObjectLockConfigurationNotFoundError", s3.get_object_lock_configuration, status=404, Bucket=bucket)
        if gateway.is_hozon:
            rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
            equal(rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "aws:kms", "encryption")
            for arguments in ({"ACL": "public-read"}, {"StorageClass": "GLACIER"}, {"WebsiteRedirectLocation": "/x"}):
                answer = refused_somehow(s3.put_object, Bucket=bucket, Key="k", Body=b"", **arguments)
                equal(answer["ResponseMetadata"]["HTTPStatusCode"] // 100, 4 if answer["Error"]["Code"] != "NotImplemented" else 5, "refusal")
            key = "0" * 32
            answer = refused_somehow(s3.put_object, Bucket=bucket, Key="k", Body=b"", SSECustomerAlgorithm="AES256", SSECustomerKey=key)
            assert answer["Error"]["Code"] in ("NotImplemented", "InvalidArgument", "InvalidRequest"), answer["Error"]
        for arguments in ({"ServerSideEncryption": "AES256"}, {"ServerSideEncryption": "aws:kms"}, {"StorageClass": "STANDARD"}):
            if gateway.is_hozon:
                s3.put_object(Bucket=bucket, Key="k", Body=b"", **arguments)


def refused_somehow(call, **arguments):
    from botocore.exceptions import ClientError

    try:
        call(**arguments)
    except ClientError as error:
        return error.response
    raise AssertionError(f"{sorted(arguments)} was accepted")


@suite.case
def buckets_may_be_made_in_our_region_only(gateway, _):
    if not gateway.is_hozon:
        return
    s3 = gateway.client()
    name = f"it-{uuid.uuid4().hex[:12]}"
    refused(
        ("InvalidLocationConstraint", "IllegalLocationConstraintException"),
        s3.create_bucket,
        status=400,
        Bucket=name,
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    )
    with bucket_of(s3, CreateBucketConfiguration={"LocationConstraint": gateway.region}):
        pass


if __name__ == "__main__":
    suite.main()
