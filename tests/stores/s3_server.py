#!/usr/bin/env python3
"""An S3-compatible server (moto) on a free loopback port, with one bucket. Prints its port, and ends when standard input is
closed.

--troubled: it is slow, turns requests away now and then, and breaks answers off.
--count: it counts requests, and tells the counts at /_requests.
--only KEY: it serves nobody but whoever signs with this access key.
--role KEY: it is also the metadata service of a machine, whose role has this access key.
"""
import argparse
import collections
import http.client
import itertools
import json
import sys
import threading
import time

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

PAUSE_SECONDS = 0.02
METADATA = "/latest/meta-data/iam/security-credentials/"


class Troubled:
    """Every seventh request is turned away; every eleventh answer to a GET ends in its middle."""

    def __init__(self, app):
        self.app = app
        self.requests = itertools.count(1)
        self.gets = itertools.count(1)

    def __call__(self, environ, start_response):
        time.sleep(PAUSE_SECONDS)
        if next(self.requests) % 7 == 0:
            start_response("503 Slow Down", [("Content-Type", "application/xml")])
            return [b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"]
        answer = self.app(environ, start_response)
        if environ["REQUEST_METHOD"] == "GET" and next(self.gets) % 11 == 0:
            body = b"".join(answer)
            return [body[: len(body) // 2]]
        return answer


class Counting:
    """Counts requests by method; a PUT that copies an object within the store counts as COPY."""

    def __init__(self, app):
        self.app = app
        self.counts = collections.Counter()
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == "/_requests":
            start_response("200 OK", [("Content-Type", "application/json")])
            with self.lock:
                return [json.dumps(self.counts).encode()]
        kind = "COPY" if "HTTP_X_AMZ_COPY_SOURCE" in environ else environ["REQUEST_METHOD"]
        with self.lock:
            self.counts[kind] += 1
        return self.app(environ, start_response)


class Only:
    """Turns away whoever does not sign with a key."""

    def __init__(self, app, key):
        self.app = app
        self.signed = f"Credential={key}/"

    def __call__(self, environ, start_response):
        if self.signed in environ.get("HTTP_AUTHORIZATION", ""):
            return self.app(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "application/xml")])
        return [b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"]


class Role:
    """A machine's metadata service (IMDSv2), which gives its role's credentials."""

    def __init__(self, app, key):
        self.app = app
        credentials = {"Code": "Success", "AccessKeyId": key, "SecretAccessKey": "test", "Token": "session"}
        self.answers = {
            "/latest/api/token": "token",
            METADATA: "reader",
            METADATA + "reader": json.dumps({**credentials, "Expiration": "2099-01-01T00:00:00Z"}),
        }

    def __call__(self, environ, start_response):
        answer = self.answers.get(environ["PATH_INFO"])
        if answer is None:
            return self.app(environ, start_response)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [answer.encode()]


def create_bucket(port, arguments):
    """Asks for the bucket as clients do. The server does not check signatures, and a client's library takes long to load."""
    scope = f"{arguments.only or 'test'}/20260101/us-east-1/s3/aws4_request"
    signed = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}"
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("PUT", f"/{arguments.bucket}", headers={"Authorization": signed})
    answer = connection.getresponse()
    if answer.status != 200:
        raise SystemExit(f"no bucket: {answer.status} {answer.read().decode()}")
    connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bucket")
    parser.add_argument("--troubled", action="store_true")
    parser.add_argument("--count", action="store_true")
    parser.add_argument("--only", metavar="KEY")
    parser.add_argument("--role", metavar="KEY")
    arguments = parser.parse_args()
    app = DomainDispatcherApplication(create_backend_app)
    if arguments.troubled:
        app = Troubled(app)
    if arguments.count:
        app = Counting(app)
    if arguments.only:
        app = Only(app, arguments.only)
    if arguments.role:
        app = Role(app, arguments.role)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    create_bucket(server.server_port, arguments)
    print(server.server_port, flush=True)
    sys.stdin.read()
    server.shutdown()


main()
