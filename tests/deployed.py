"""Expectations of the deployment tests: the calls of each role, and the emulator's gaps."""

from __future__ import annotations

from typing import Any

from joytify_local.aws import FUNCTIONS, REGION

ACCOUNT = "000000000000"
PREFIX = f":{REGION}:{ACCOUNT}:"
FAN_OUT = f"arn:aws:states{PREFIX}stateMachine:joytify-cleanup-fan-out"
LAMBDA, SNS = f"arn:aws:lambda{PREFIX}function:", f"arn:aws:sns{PREFIX}"
SECRET, OTHER_SECRET = "MERN_JOYTIFY_ENVS", "somebody-elses"
ARCHIVE, STATE = f"joytify-archive-{ACCOUNT}", f"joytify-terraform-state-{ACCOUNT}"
OBJECT = {"Bucket": ARCHIVE, "Key": "archive/tried-by-a-test"}
MEMORY, ITEM = "joytify-discord-memory", {"id": {"S": "tried-by-a-test"}}
METRIC = {"Namespace": "Joytify", "MetricName": "Successes"}
QUERY = {"Id": "a", "MetricStat": {"Metric": METRIC, "Period": 3600, "Stat": "Sum"}}
SINCE = {"StartTime": 1_790_000_000, "EndTime": 1_790_003_600}
# Input of an execution that does nothing.
SKIPPED = '{"scheduleMode": "test_auto"}'
GROUP = "/aws/lambda/joytify-"

CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "read the secret": ("secretsmanager", "get_secret_value", {"SecretId": SECRET}),
    "read another secret": ("secretsmanager", "get_secret_value", {"SecretId": OTHER_SECRET}),
    "change the secret": ("secretsmanager", "put_secret_value", {"SecretId": SECRET, "SecretString": "{}"}),
    "publish": ("sns", "publish", {"TopicArn": SNS + "joytify-lambda-notifications", "Message": "tried by a test"}),
    "publish to the operators": ("sns", "publish", {"TopicArn": SNS + "joytify-operators", "Message": "tried"}),
    "invoke stats": ("lambda", "invoke", {"FunctionName": LAMBDA + FUNCTIONS["stats"], "InvocationType": "DryRun"}),
    "invoke cleanup": ("lambda", "invoke", {"FunctionName": LAMBDA + FUNCTIONS["cleanup"], "InvocationType": "DryRun"}),
    "start the state machine": ("stepfunctions", "start_execution", {"stateMachineArn": FAN_OUT, "input": SKIPPED}),
    "invoke discord": ("lambda", "invoke", {"FunctionName": LAMBDA + FUNCTIONS["discord"], "InvocationType": "DryRun"}),
    "change a function": (
        "lambda",
        "update_function_configuration",
        {"FunctionName": FUNCTIONS["stats"], "Timeout": 9},
    ),
    "find the archive": ("s3", "head_bucket", {"Bucket": ARCHIVE}),
    "write to the archive": ("s3", "put_object", {**OBJECT, "Body": b"x"}),
    "read the archive": ("s3", "get_object", OBJECT),
    "delete from the archive": ("s3", "delete_object", OBJECT),
    "read the state": ("s3", "get_object", {"Bucket": STATE, "Key": "prod.tfstate"}),
    "read an item of the post store": ("dynamodb", "get_item", {"TableName": MEMORY, "Key": ITEM}),
    "write an item of the post store": ("dynamodb", "put_item", {"TableName": MEMORY, "Item": ITEM}),
    "delete an item of the post store": ("dynamodb", "delete_item", {"TableName": MEMORY, "Key": ITEM}),
    "read the whole post store": ("dynamodb", "scan", {"TableName": MEMORY}),
    "look for successes": ("cloudwatch", "get_metric_data", {"MetricDataQueries": [QUERY], **SINCE}),
    "make a log group": ("logs", "create_log_group", {"logGroupName": "/aws/lambda/another"}),
    "delete stats' log group": ("logs", "delete_log_group", {"logGroupName": GROUP + "monthly-stats-notification"}),
    "make a role": ("iam", "create_role", {"RoleName": "more", "AssumeRolePolicyDocument": "{}"}),
}
# The calls that each function's role may make; all other calls above are refused.
ALLOWED = {
    "stats": {"read the secret", "publish", "invoke stats", "start the state machine", "look for successes"},
    "cleanup": {
        "read the secret",
        "publish",
        "invoke cleanup",
        "look for successes",
        "find the archive",
        "write to the archive",
        "read the archive",
    },
    "discord": {"read the secret", "read an item of the post store", "write an item of the post store"},
}
# Calls that the role for `terraform plan` (pull requests) must be denied.
CONTENT: list[tuple[str, str, dict[str, Any]]] = [
    ("secretsmanager", "get_secret_value", {"SecretId": SECRET}),
    ("s3", "get_object", OBJECT),
    ("s3", "put_object", {"Bucket": STATE, "Key": "prod.tfstate", "Body": b"x"}),
    ("logs", "filter_log_events", {"logGroupName": GROUP + "monthly-stats-notification"}),
    ("dynamodb", "scan", {"TableName": MEMORY}),
    ("dynamodb", "get_item", {"TableName": MEMORY, "Key": ITEM}),
    ("lambda", "invoke", {"FunctionName": LAMBDA + FUNCTIONS["stats"], "InvocationType": "DryRun"}),
]
REFUSALS = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException", "403"}

# Metric alarms for which the emulator never returns the attributes in NOT_RETURNED, so every plan would set these
# attributes again.
ALARMS = {
    *(
        f'module.function["{name}"].aws_cloudwatch_metric_alarm.this["{kind}"]'
        for name in ("stats", "cleanup", "discord")
        for kind in ("errors", "throttles", "duration", "dropped")
    ),
    'aws_cloudwatch_metric_alarm.queue["stats-failed"]',
    'aws_cloudwatch_metric_alarm.queue["cleanup-failed"]',
    'aws_cloudwatch_metric_alarm.queue["discord-failed"]',
    'aws_cloudwatch_metric_alarm.queue["discord-undelivered"]',
    'aws_cloudwatch_metric_alarm.queue["schedules-missed"]',
    'aws_cloudwatch_metric_alarm.silence["stats"]',
    'aws_cloudwatch_metric_alarm.silence["cleanup"]',
    'aws_cloudwatch_metric_alarm.report_lost["stats"]',
    'aws_cloudwatch_metric_alarm.report_lost["cleanup"]',
    "aws_cloudwatch_metric_alarm.storage",
    *(f'aws_cloudwatch_metric_alarm.fan_out["{kind}"]' for kind in ("failed", "timed-out", "aborted", "throttled")),
}
NOT_RETURNED = {
    "actions_enabled",
    "alarm_actions",
    "alarm_description",
    "dimensions",
    "ok_actions",
    "period",
    "statistic",
    "treat_missing_data",
}
