"""A signer of our own, so that a test can sign wrongly in every way, and requests that nothing tidies up."""

import datetime
import hashlib
import hmac
import http.client
import re
import ssl
import urllib.parse

UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMING = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMING_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
EMPTY = hashlib.sha256(b"").hexdigest()


def quote(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-_.~")


class Signer:
    """Signs one request; every part of what is signed can be set to something else."""

    def __init__(self, gateway, person="app", *, secret=None, access_key=None, region=None, at=None, service="s3"):
        who = gateway.people[person]
        self.access_key = access_key or who["access_key"]
        self.secret = secret or who["secret_key"]
        self.region = region or gateway.region
        self.service = service
        at = at or datetime.datetime.now(datetime.timezone.utc)
        self.stamp = at.strftime("%Y%m%dT%H%M%SZ")
        self.scope = f"{self.stamp[:8]}/{self.region}/{self.service}/aws4_request"

    def key(self):
        key = f"AWS4{self.secret}".encode()
        for word in (self.stamp[:8], self.region, self.service, "aws4_request"):
            key = hmac.new(key, word.encode(), "sha256").digest()
        return key

    def seal(self, text):
        return hmac.new(self.key(), text.encode(), "sha256").hexdigest()

    def signature(self, method, path, query, headers, signed, body_hash):
        pairs = sorted((quote(name), quote(value)) for name, value in query)
        lines = [method, path, "&".join(f"{name}={value}" for name, value in pairs)]
        lines += [f"{name}:{re.sub(' +', ' ', headers[name].strip())}" for name in signed]
        lines += ["", ";".join(signed), body_hash]
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        return self.seal("\n".join(["AWS4-HMAC-SHA256", self.stamp, self.scope, digest]))

    def headers(self, method, path, query, headers, body_hash, *, leave_unsigned=()):
        """The headers with an Authorization over all of them but those left unsigned."""
        whole = {name.lower(): value for name, value in headers.items()}
        whole |= {"x-amz-date": self.stamp, "x-amz-content-sha256": body_hash}
        signed = sorted(name for name in whole if name not in leave_unsigned)
        self.seed = self.signature(method, path, query, whole, signed, body_hash)
        whole["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.access_key}/{self.scope}, SignedHeaders={';'.join(signed)}, Signature={self.seed}"
        )
        return whole

    def presigned(self, method, path, query, headers, life):
        """The query of a presigned URL over `headers`."""
        signed = sorted(headers)
        query = [
            *query,
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", f"{self.access_key}/{self.scope}"),
            ("X-Amz-Date", self.stamp),
            ("X-Amz-Expires", str(life)),
            ("X-Amz-SignedHeaders", ";".join(signed)),
        ]
        return [*query, ("X-Amz-Signature", self.signature(method, path, query, headers, signed, UNSIGNED))]

    def chunks(self, pieces, trailer=None):
        """A signed aws-chunked body. Call after `headers`, whose signature it goes on from."""
        before, out = self.seed, b""
        for piece in [*pieces, b""]:
            text = ["AWS4-HMAC-SHA256-PAYLOAD", self.stamp, self.scope, before, EMPTY, hashlib.sha256(piece).hexdigest()]
            before = self.seal("\n".join(text))
            out += f"{len(piece):x};chunk-signature={before}\r\n".encode() + piece + (b"\r\n" if piece else b"")
        if trailer is None:
            return out + b"\r\n"
        line = "".join(f"{name}:{value}\n" for name, value in trailer.items())
        text = ["AWS4-HMAC-SHA256-TRAILER", self.stamp, self.scope, before, hashlib.sha256(line.encode()).hexdigest()]
        out += "".join(f"{name}:{value}\r\n" for name, value in trailer.items()).encode()
        return out + f"x-amz-trailer-signature:{self.seal(chr(10).join(text))}\r\n\r\n".encode()


def unsigned_chunks(pieces, trailer):
    """An aws-chunked body without signatures."""
    out = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces) + b"0\r\n"
    return out + "".join(f"{name}:{value}\r\n" for name, value in trailer.items()).encode() + b"\r\n"


class Answer:
    """What came back."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def code(self):
        found = re.search(rb"<Code>([^<]*)</Code>", self.body)
        return found[1].decode() if found else ""

    def __str__(self):
        return f"{self.status} {self.code} {self.body[:300]!r}"

    def is_refusal(self, *codes, status=None):
        assert self.code in codes, f"due was one of {codes}, not {self}"
        assert status is None or self.status == status, f"due was {status}, not {self}"
        return self


def connection(gateway):
    if gateway.url.scheme == "http":
        return http.client.HTTPConnection(gateway.url.hostname, gateway.url.port, timeout=60)
    trust = ssl.create_default_context(cafile=gateway.ca)
    return http.client.HTTPSConnection(gateway.url.hostname, gateway.url.port, timeout=60, context=trust)


def send(gateway, method, path, query=(), headers=None, body=b"", *, on=None):
    """Sends exactly this. Host and Content-Length are added where they are missing."""
    line = path + ("?" + "&".join(f"{quote(n)}={quote(v)}" for n, v in query) if query else "")
    headers = dict(headers or {})
    names = {name.lower() for name in headers}
    wire = on or connection(gateway)
    try:
        wire.putrequest(method, line, skip_host=True, skip_accept_encoding=True)
        if "host" not in names:
            wire.putheader("host", gateway.url.netloc)
        if not names & {"content-length", "transfer-encoding"} and (body or method in ("PUT", "POST")):
            wire.putheader("content-length", str(len(body)))
        for name, value in headers.items():
            wire.putheader(name, value)
        wire.endheaders(body or None)
        return Answer(wire.getresponse())
    finally:
        if on is None:
            wire.close()


def request(gateway, method, path, *, query=(), headers=None, body=b"", person="app", body_hash=None, leave_unsigned=(), **signing):
    """Signs and sends. `signing` goes to the Signer."""
    signer = Signer(gateway, person, **signing)
    hash_ = body_hash or hashlib.sha256(body).hexdigest()
    whole = signer.headers(method, path, list(query), {"host": gateway.url.netloc, **(headers or {})}, hash_, leave_unsigned=leave_unsigned)
    return send(gateway, method, path, list(query), whole, body)
