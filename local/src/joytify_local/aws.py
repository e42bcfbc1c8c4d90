"""Create the secret, the topic, discord's post store (a DynamoDB table) and the functions in a local AWS.

`python -m joytify_local.aws --endpoint URL --mongodb URI --member HOST:PORT --backend URL
--discord URL --database NAME [--images]`
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

from joytify_local.mongodb import initiate

REGION = "ap-northeast-1"
ACCOUNT = "000000000000"
SECRET_NAME = "MERN_JOYTIFY_ENVS"  # noqa: S105 - the name, not a value
TOPIC_NAME = "joytify-lambda-notifications"
MEMORY_TABLE = "joytify-discord-memory"
FUNCTIONS = {
    "stats": "joytify-monthly-stats-notification",
    "cleanup": "joytify-playback-data-cleanup",
    "discord": "joytify-discord-notification",
}
TIMEOUT_SECONDS = {"stats": 300, "cleanup": 900, "discord": 60}
MEMORY_MB = 1024
# A zip archive without files: MiniStack runs functions in its own interpreter, which has the packages.
EMPTY_ZIP = b"PK\5\6" + bytes(18)
# Keys and tokens of the stand-ins; nothing outside this machine accepts them.
API_KEY = "local-api-key-of-no-value"
WEBHOOK_TOKEN = "local-webhook-token-of-no-value"  # noqa: S105 - see above
WEBHOOK_PATH = f"/api/webhooks/1000000000000000001/{WEBHOOK_TOKEN}"


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """The addresses and settings that the functions get.

    Attributes:
        endpoint: URL of the local AWS.
        mongodb: connection string, as the functions reach it.
        backend: base URL of the backend, as the functions reach it.
        discord: base URL of Discord, as the functions reach it.
        database: name of the database.
        images: whether the functions run from the built images instead of this interpreter's
            packages.
        environment: further settings of all functions.
    """

    endpoint: str
    mongodb: str
    backend: str
    discord: str
    database: str
    images: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    def secret(self) -> dict[str, str]:
        """Return the pipeline's secret for this machine."""
        return {
            "MONGODB_CONNECTION_STRING": self.mongodb,
            "DISCORD_WEBHOOK_URL": self.discord + WEBHOOK_PATH,
            "DISCORD_TIMEZONE": "Asia/Taipei",
            "API_INTERNAL_SECRET_KEY": API_KEY,
            "API_DOMAIN": self.backend,
            "SCHEDULE_MODE": "production",
        }


def aws_client(
    service: str, endpoint: str, *, certificate: str = "", credentials: Mapping[str, str] | None = None
) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """Return a client of the local AWS; it waits as long as a function may run, and never retries.

    Args:
        service: boto3's name of the service.
        endpoint: URL of the local AWS.
        certificate: path of the server's certificate; empty for plain HTTP.
        credentials: credentials of a role, as STS returns them; None for the account's root user,
            for whom MiniStack accepts any key.
    """
    role = credentials or {"AccessKeyId": "test", "SecretAccessKey": "test"}
    return boto3.client(
        service,
        endpoint_url=endpoint,
        verify=certificate or None,
        region_name=REGION,
        aws_access_key_id=role["AccessKeyId"],
        aws_secret_access_key=role["SecretAccessKey"],
        aws_session_token=role.get("SessionToken"),
        config=Config(read_timeout=910, retries={"total_max_attempts": 1}),
    )


def deploy(wiring: Wiring) -> None:
    """Create the secret, topic, table, functions and subscription in an empty local AWS."""
    aws_client("secretsmanager", wiring.endpoint).create_secret(
        Name=SECRET_NAME, SecretString=json.dumps(wiring.secret())
    )
    sns = aws_client("sns", wiring.endpoint)
    topic = sns.create_topic(Name=TOPIC_NAME)["TopicArn"]
    aws_client("dynamodb", wiring.endpoint).create_table(
        TableName=MEMORY_TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    functions = aws_client("lambda", wiring.endpoint)
    environment = {
        "DISCORD_MEMORY_TABLE": MEMORY_TABLE,
        "DB_NAME": wiring.database,
        "SNS_TOPIC_ARN": topic,
        **wiring.environment,
    }
    arns = {short: deploy_function(functions, short, environment, images=wiring.images) for short in FUNCTIONS}
    functions.add_permission(
        FunctionName=FUNCTIONS["discord"],
        StatementId="topic",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arns["discord"])


def deploy_function(client: Any, short: str, environment: Mapping[str, str], *, images: bool) -> str:  # noqa: ANN401 - boto3 makes its clients at run time
    """Create one function and return its ARN.

    Args:
        client: boto3's client of Lambda.
        short: short name of the function.
        environment: environment variables of the function.
        images: whether it runs from the built image instead of this interpreter's packages.
    """
    name = FUNCTIONS[short]
    if images:
        code: dict[str, Any] = {"PackageType": "Image", "Code": {"ImageUri": f"joytify/{short}:latest"}}
    else:
        handler = f"joytify_{short}.handler.handler"
        code = {"Runtime": "python3.13", "Handler": handler, "Code": {"ZipFile": EMPTY_ZIP}}
    created = client.create_function(
        FunctionName=name,
        Role=f"arn:aws:iam::{ACCOUNT}:role/{name}",
        Timeout=TIMEOUT_SECONDS[short],
        MemorySize=MEMORY_MB,
        Environment={"Variables": dict(environment)},
        **code,
    )
    client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=2)
    return str(created["FunctionArn"])


def main() -> None:
    """Deploy to a local AWS; the compose stack runs this once."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("endpoint", "mongodb", "member", "backend", "discord", "database"):
        parser.add_argument(f"--{option}", required=True)
    parser.add_argument("--images", action="store_true")
    options = vars(parser.parse_args())
    member = options.pop("member")
    while not initiate(options["mongodb"], member):
        pass
    deploy(Wiring(**options))


if __name__ == "__main__":
    main()
