"""A local AWS behind a fault-injecting proxy (fault_proxy.py), with the resources that stats and cleanup need."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bson import decode_all, encode
from fault_proxy import FaultProxy

from joytify_local.aws import ACCOUNT, REGION, SECRET_NAME, aws_client
from joytify_local.processes import stop
from joytify_local.servers import ministack

BUCKET, TOPIC = "archive-of-the-faults", "faults"


class LocalAws:
    """MiniStack with a secret, a topic, a queue that keeps what is published, and a bucket."""

    def __init__(self, folder: Path) -> None:
        self._pid, url = ministack(folder, "127.0.0.1")
        self._clients = {name: aws_client(name, url) for name in ("sns", "sqs", "s3", "secretsmanager")}
        self.proxy = FaultProxy(urlsplit(url).port or 0)
        self.topic = self._clients["sns"].create_topic(Name=TOPIC)["TopicArn"]
        self._queue = self._clients["sqs"].create_queue(QueueName=TOPIC)["QueueUrl"]
        queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{TOPIC}"
        self._clients["sns"].subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=queue)
        self._clients["s3"].create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self._clients["secretsmanager"].create_secret(Name=SECRET_NAME, SecretString="{}")

    def environment(self, database: str) -> dict[str, str]:
        """Return the environment of a function that reaches it through the proxy."""
        return {
            "AWS_ENDPOINT_URL": self.proxy.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "SNS_TOPIC_ARN": self.topic,
            "DB_NAME": database,
            "CLEANUP_ARCHIVE_BUCKET": BUCKET,
            "CLEANUP_BATCH_SIZE": "100",
            "CLEANUP_BATCH_DELAY_MS": "0",
            "LOG_LEVEL": "DEBUG",
        }

    def begin(self, **secret: str) -> None:
        """Discard what was published and archived, and store this secret."""
        self._clients["secretsmanager"].put_secret_value(SecretId=SECRET_NAME, SecretString=json.dumps(secret))
        self.reports()
        for key in self._keys():
            self._clients["s3"].delete_object(Bucket=BUCKET, Key=key)

    def calm(self) -> None:
        """Inject no more faults: the proxy forwards every connection."""
        self.proxy.seconds = 0.0
        self.proxy.take("")

    def reports(self) -> list[dict[str, Any]]:
        """Return the messages that were published since the last call."""
        found: list[dict[str, Any]] = []
        while True:
            answer = self._clients["sqs"].receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10)
            if not (some := answer.get("Messages", [])):
                return found
            for each in some:
                found.append(json.loads(json.loads(each["Body"])["Message"]))
                self._clients["sqs"].delete_message(QueueUrl=self._queue, ReceiptHandle=each["ReceiptHandle"])

    def archived(self) -> dict[Any, bytes]:
        """Return the documents in the archive, by their ids."""
        found: dict[Any, bytes] = {}
        for key in self._keys():
            body = self._clients["s3"].get_object(Bucket=BUCKET, Key=key)["Body"].read()
            found |= {document["_id"]: encode(document) for document in decode_all(gzip.decompress(body))}
        return found

    def _keys(self) -> list[str]:
        listed = self._clients["s3"].list_objects_v2(Bucket=BUCKET)
        return [each["Key"] for each in listed.get("Contents", [])]

    def end(self) -> None:
        """Stop it."""
        self.proxy.close()
        stop([self._pid])
