"""People of the hospital's identity provider: boto3's and the AWS CLI's own web-identity provider, and plain curl."""

import base64
import functools
import hashlib
import http.server
import json
import os
import tempfile
import threading
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from harness import Suite, equal, refused, run

suite = Suite("web identity")


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """An OpenID provider on this machine: discovery, one key, and tokens."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        numbers = self.key.public_key().public_numbers()
        public = {"kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "alg": "ES256"}
        public |= {"x": b64(numbers.x.to_bytes(32, "big")), "y": b64(numbers.y.to_bytes(32, "big"))}
        documents = {"/keys": {"keys": [public]}}

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                document = json.dumps(documents.get(self.path, {})).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(document)))
                self.end_headers()
                self.wfile.write(document)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{server.server_port}"
        documents["/.well-known/openid-configuration"] = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def token(self, **more):
        now = int(time.time())
        claims = {"iss": self.url, "sub": "u-1", "aud": "hozon", "exp": now + 900, "iat": now, "preferred_username": "dr-yamada"}
        claims |= {"job_type": ["physician"], "amr": ["pwd", "mfa"], **more}
        text = f'{b64(json.dumps({"alg": "ES256", "kid": "k1"}).encode())}.{b64(json.dumps(claims).encode())}'
        r, s = decode_dss_signature(self.key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


class Hospital:
    """The demo's hospital, with two administrators and an identity provider that both agreed on."""

    def __init__(self, gateway):
        self.gateway, self.issuer = gateway, Issuer()
        self.name = "demo-hospital"
        self.people = {name: self.administrator(name) for name in ("chief", "deputy")}
        grants = [{"bucket": gateway.facts["bucket"], "rights": ["read", "list", "write-draft"]}]
        wanted = {"is": "provider", "issuer": self.issuer.url, "audiences": ["hozon"], "grants": grants}
        self.change(wanted)

    def administrator(self, name):
        name = f"{name}-{os.getpid()}"
        self.gateway.program("principal", "create", name, "--kind", "person", "--tenant", self.name, "--grant", "*=manage-policy")
        made = self.gateway.program("credential", "create", "--principal", name, "--tenant", self.name, "--output", "json")
        return json.loads(made.stdout)

    def change(self, wanted):
        change = self.post("chief", "/-/v1/access/changes", {"wanted": wanted})
        refused_self = self.post("chief", f"/-/v1/access/changes/{change['id']}/decision", {"verdict": "approved"})
        equal(refused_self["code"], "same-person", "approving one's own change")
        decided = self.post("deputy", f"/-/v1/access/changes/{change['id']}/decision", {"verdict": "approved"})
        equal(decided["decided"]["verdict"], "approved", "decision")

    def post(self, person, path, document):
        return self.curl(path, "-X", "POST", "-d", json.dumps(document), signer=self.people[person])

    def curl(self, path, *words, signer=None):
        body = words[words.index("-d") + 1].encode() if "-d" in words else b""
        command = ["curl", "-sS", "--cacert", self.gateway.ca, *words]
        if signer:
            command += ["--aws-sigv4", f"aws:amz:{self.gateway.region}:s3", "--user", f"{signer['access_key']}:{signer['secret_key']}"]
            command += ["-H", f"x-amz-content-sha256: {hashlib.sha256(body).hexdigest()}", "-H", "content-type: application/json"]
        said = run([*command, f"{self.gateway.endpoint}{path}"]).stdout
        try:
            return json.loads(said)
        except ValueError:
            return said.decode(errors="replace")

    def environment(self, token):
        """What AWS SDKs read to sign in by a token in a file."""
        file = Path(tempfile.mkdtemp()) / "token"
        file.write_text(token)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return kept | {
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(file),
            "AWS_ROLE_ARN": f"arn:aws:iam::000000000000:role/{self.name}",
            "AWS_ROLE_SESSION_NAME": "ward-3",
            "AWS_ENDPOINT_URL": self.gateway.endpoint,
            "AWS_CA_BUNDLE": str(self.gateway.ca),
            "AWS_REGION": self.gateway.region,
            "AWS_DEFAULT_REGION": self.gateway.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }


@functools.cache
def hospital_of(gateway):
    return Hospital(gateway)


FACTS = {"patient-id": "0001234", "record-class": "chart.medical"}


@suite.case
def boto3_signs_in_by_itself_and_reads_and_writes(gateway, _):
    hospital = hospital_of(gateway)
    script = """if True:
        import boto3, sys
        from botocore.config import Config
        bucket = sys.argv[1]
        # For links boto3 still takes the older signature by itself.
        s3 = boto3.client("s3", config=Config(signature_version="s3v4"))
        s3.put_object(Bucket=bucket, Key="by-token", Body=b"seen", Metadata={"patient-id": "0001234", "record-class": "chart.medical"})
        assert s3.get_object(Bucket=bucket, Key="by-token")["Body"].read() == b"seen"
        assert "by-token" in [row["Key"] for row in s3.list_objects_v2(Bucket=bucket)["Contents"]]
        link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "by-token"}, ExpiresIn=300)
        print(link)
    """
    done = run([os.environ.get("HOZON_PYTHON", "python3"), "-c", script, gateway.facts["bucket"]], env=hospital.environment(hospital.issuer.token()))
    link = done.stdout.decode().strip()
    told = run(["curl", "-sS", "--cacert", gateway.ca, link]).stdout
    assert told == b"seen", told


@suite.case
def the_aws_cli_signs_in_by_itself(gateway, _):
    hospital = hospital_of(gateway)
    # The newest one: older ones ask AWS itself for the token, wherever the endpoint is.
    for program in os.environ.get("AWS_CLIS", "aws").split(":")[:1]:
        environment = hospital.environment(hospital.issuer.token(sub="u-2", preferred_username="dr-ueda"))
        told = run([program, "s3", "ls", f"s3://{gateway.facts['bucket']}/", "--recursive"], env=environment).stdout
        assert b"patients/" in told, told
        denied = run([program, "s3api", "delete-object", "--bucket", gateway.facts["bucket"], "--key", "by-token"], env=environment, check=False)
        assert denied.returncode != 0 and b"AccessDenied" in denied.stderr, denied.stderr


@suite.case
def a_bad_token_is_told_as_sts_does(gateway, _):
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    hospital = hospital_of(gateway)
    sts = boto3.client(
        "sts", endpoint_url=gateway.endpoint, region_name=gateway.region, verify=gateway.ca, config=Config(signature_version=UNSIGNED)
    )
    ask = {"RoleArn": f"arn:aws:iam::000000000000:role/{hospital.name}", "RoleSessionName": "ward-3"}
    refused("ExpiredTokenException", sts.assume_role_with_web_identity, WebIdentityToken=hospital.issuer.token(exp=1), **ask)
    refused("InvalidIdentityToken", sts.assume_role_with_web_identity, WebIdentityToken=hospital.issuer.token(aud="x"), **ask)
    elsewhere = ask | {"RoleArn": "arn:aws:iam::000000000000:role/other-hospital"}
    refused("InvalidIdentityToken", sts.assume_role_with_web_identity, WebIdentityToken=hospital.issuer.token(), **elsewhere)
    given = sts.assume_role_with_web_identity(WebIdentityToken=hospital.issuer.token(), DurationSeconds=900, **ask)
    assert given["Credentials"]["SessionToken"] and given["Credentials"]["Expiration"]


@suite.case
def curl_stores_a_scan_with_a_bearer_token(gateway, tmp):
    hospital = hospital_of(gateway)
    bearer = ["-H", f"authorization: Bearer {hospital.issuer.token()}"]
    scan = Path(tempfile.mkdtemp()) / "scan.dcm"
    scan.write_bytes(os.urandom(300_000))
    facts = [word for name, value in FACTS.items() for word in ("-H", f"x-amz-meta-{name}: {value}")]
    place = f"{gateway.endpoint}/{gateway.facts['bucket']}/scan.dcm"
    stored = run(["curl", "-sS", "-f", "--cacert", gateway.ca, *bearer, *facts, "-T", scan, place])
    equal(stored.stdout, b"", "stored")
    equal(run(["curl", "-sS", "-f", "--cacert", gateway.ca, *bearer, place]).stdout, scan.read_bytes(), "read back")
    told = run(["curl", "-sS", "--cacert", gateway.ca, "-H", "authorization: Bearer x.y.z", place]).stdout
    assert b"<Code>InvalidToken</Code>" in told, told


suite.main()
