"""Sample messages in the formats that AWS documents, each with the texts that the embed must show.

Sources of the formats: AWS's user guides (each module in rendering/kinds/ names its pages) and the
samples of aws-lambda-go, Powertools for AWS Lambda and terraform-aws-notify-slack.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from joytify_discord.embed import FAILURE, INFORMATION, SUCCESS, WARNING, Severity

ACCOUNT, REGION = "111122223333", "eu-west-1"
TOPIC = "arn:aws:sns:ap-northeast-1:123456789012:joytify-lambda-notifications"
TIME = "2026-11-01T03:04:05Z"
CONSOLE = f"https://{REGION}.console.aws.amazon.com/"


@dataclass(frozen=True)
class Case:
    """A message, and what its embed must and must not show.

    Attributes:
        message: JSON, or text.
        shows: texts that a reader must find in the embed.
        url: beginning of the embed's link; empty if the embed has no link.
        account, region: texts that the embed's footer must contain.
        attributes: message attributes of the SNS envelope.
        hides: texts that must not be in the embed.
    """

    message: Any
    severity: Severity
    shows: tuple[str, ...]
    url: str = CONSOLE
    account: str = ACCOUNT
    region: str = REGION
    attributes: dict[str, str] = field(default_factory=dict)
    subject: str = ""
    hides: tuple[str, ...] = ()

    def envelope(self) -> dict[str, Any]:
        """Return the SNS event that carries the message."""
        text = self.message if isinstance(self.message, str) else json.dumps(self.message)
        attributes = {name: {"Type": "String", "Value": value} for name, value in self.attributes.items()}
        sns = {
            "Type": "Notification",
            "MessageId": "95df01b4-0000-4000-8000-000000000000",
            "TopicArn": TOPIC,
            "Subject": self.subject or None,
            "Message": text,
            "Timestamp": "2026-11-01T03:05:00.000Z",
            "MessageAttributes": attributes,
        }
        return {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": sns}]}


def arn(service: str, resource: str, region: str = REGION) -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"


def event(kind: str, detail: dict[str, Any], *, source: str = "aws.test", resources: tuple[str, ...] = ()) -> Any:
    return {
        "version": "0",
        "id": "12345678-1234-1234-1234-111122223333",
        "detail-type": kind,
        "source": source,
        "account": ACCOUNT,
        "time": TIME,
        "region": REGION,
        "resources": list(resources),
        "detail": detail,
    }


def alarm(state: str = "ALARM", before: str = "OK", **more: Any) -> Any:
    return {
        "AlarmName": "api-errors",
        "AlarmDescription": "See the [runbook](https://example.com/runbook).",
        "AWSAccountId": ACCOUNT,
        "NewStateValue": state,
        "NewStateReason": "Threshold Crossed: 1 datapoint [4.0] was greater than the threshold (1.0).",
        "StateChangeTime": "2026-11-01T03:04:05.000+0000",
        "Region": "EU (Ireland)",
        "AlarmArn": arn("cloudwatch", "alarm:api-errors"),
        "OldStateValue": before,
        "Trigger": {
            "MetricName": "Errors",
            "Namespace": "AWS/Lambda",
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 1.0,
            "Dimensions": [{"name": "FunctionName", "value": "api"}],
        },
        **more,
    }


def alarm_event(state: str, before: str) -> Any:
    metric = {"namespace": "AWS/Lambda", "name": "Errors", "dimensions": {"FunctionName": "api"}}
    detail = {
        "alarmName": "api-errors",
        "configuration": {
            "description": "Errors of the API",
            "metrics": [
                {"id": "m1", "metricStat": {"metric": metric, "period": 60, "stat": "Sum"}, "returnData": True}
            ],
        },
        "previousState": {"reason": "fine", "timestamp": "2026-11-01T03:00:00.000+0000", "value": before},
        "state": {"reason": "Threshold Crossed", "timestamp": "2026-11-01T03:04:05.000+0000", "value": state},
    }
    where = (arn("cloudwatch", "alarm:api-errors"),)
    return event("CloudWatch Alarm State Change", detail, source="aws.cloudwatch", resources=where)


def composite_event() -> Any:
    triggering = [{"arn": arn("cloudwatch", "alarm:api-latency"), "state": {"value": "ALARM", "timestamp": TIME}}]
    found = alarm_event("ALARM", "OK")
    found["detail"]["configuration"] = {"alarmRule": f'ALARM("{arn("cloudwatch", "alarm:api-latency")}")'}
    found["detail"]["state"]["reason"] = f"because {arn('cloudwatch', 'alarm:api-latency')} transitioned to ALARM"
    found["detail"]["state"]["reasonData"] = json.dumps({"triggeringAlarms": triggering})
    return found


def developer_tools(kind: str, detail: dict[str, Any]) -> Any:
    """Return a message as a notification rule of the developer tools sends it: nearly an EventBridge event."""
    failed = {"failedStage": "Deploy", "failedActions": [{"action": "S3", "additionalInformation": "no such bucket"}]}
    return {
        "account": ACCOUNT,
        "detailType": kind,
        "region": REGION,
        "source": "aws.codepipeline",
        "time": TIME,
        "notificationRuleArn": arn("codestar-notifications", "notificationrule/1"),
        "detail": detail,
        "resources": [arn("codepipeline", "shop")],
        "additionalAttributes": failed,
    }


def task(code: int | None, stop: str, reason: str, container: str = "") -> Any:
    detail = {
        "clusterArn": arn("ecs", "cluster/shop"),
        "taskArn": arn("ecs", "task/shop/c13b4cb40f1f4fe4a2971f76ae5a47ad"),
        "group": "service:web",
        "lastStatus": "STOPPED",
        "desiredStatus": "STOPPED",
        "stopCode": stop,
        "stoppedReason": reason,
        "containers": [{"name": "app", "lastStatus": "STOPPED", "exitCode": code, "reason": container}],
    }
    return event("ECS Task State Change", detail, source="aws.ecs")


def service(kind: str, event_type: str, name: str) -> Any:
    detail = {"eventType": event_type, "eventName": name, "clusterArn": arn("ecs", "cluster/shop"), "reason": "because"}
    return event(kind, detail, source="aws.ecs", resources=(arn("ecs", "service/shop/web"),))


def finding(label: str, **more: Any) -> dict[str, Any]:
    return {
        "Title": "S3.1 Public access is not blocked",
        "Description": "It should be.",
        "Severity": {"Label": label, "Normalized": 70},
        "ProductName": "Security Hub",
        "Workflow": {"Status": "NEW"},
        "RecordState": "ACTIVE",
        "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::holiday-pictures"}],
        **more,
    }


def security_hub(*findings: dict[str, Any]) -> Any:
    return event("Security Hub Findings - Imported", {"findings": list(findings)}, source="aws.securityhub")


def guardduty(severity: float, **service_: Any) -> Any:
    detail = {
        "id": "16afba5c5c43e07c9e3e5e2e544e95df",
        "title": "Unusual console login from an unknown address",
        "description": "An API was called from an unusual place.",
        "type": "UnauthorizedAccess:IAMUser/ConsoleLogin",
        "severity": severity,
        "resource": {"resourceType": "AccessKey", "accessKeyDetails": {"userName": "alice"}},
        "service": {
            "count": 3,
            "archived": False,
            "eventFirstSeen": "2026-11-01T01:00:00Z",
            "eventLastSeen": "2026-11-01T03:00:00Z",
            "action": {"awsApiCallAction": {"remoteIpDetails": {"ipAddressV4": "198.51.100.7"}}},
            **service_,
        },
    }
    return event("GuardDuty Finding", detail, source="aws.guardduty")


def scan(status: str, **counts: int) -> Any:
    detail = {"repository-name": "shop", "scan-status": status, "image-digest": "sha256:7f5b", "image-tags": ["1.2"]}
    return event("ECR Image Scan", {**detail, "finding-severity-counts": counts}, source="aws.ecr")


def health(status: str, category: str) -> Any:
    detail = {
        "eventArn": arn("health", "event/EC2/AWS_EC2_OPERATIONAL_ISSUE/1"),
        "service": "EC2",
        "eventTypeCode": "AWS_EC2_OPERATIONAL_ISSUE",
        "eventTypeCategory": category,
        "statusCode": status,
        "startTime": "Sun, 1 Nov 2026 01:00:00 GMT",
        "eventDescription": [{"language": "en_US", "latestDescription": "We are looking into it."}],
        "affectedEntities": [{"entityValue": "i-1111"}, {"entityValue": "i-2222", "status": "IMPAIRED"}],
    }
    return event("AWS Health Event", detail, source="aws.health")


def backup(state: str, **more: Any) -> Any:
    detail = {
        "backupJobId": "1b2345b2",
        "state": state,
        "resourceType": "DynamoDB",
        "resourceArn": arn("dynamodb", "table/listeners"),
        **more,
    }
    return event("Backup Job State Change", detail, source="aws.backup")


def build(status: str) -> Any:
    phases = [
        {"phase-type": "INSTALL", "phase-status": "SUCCEEDED", "phase-context": [": "]},
        {"phase-type": "BUILD", "phase-status": "FAILED", "phase-context": ["COMMAND_EXECUTION_ERROR: exit status 2"]},
    ]
    more = {
        "initiator": "alice",
        "build-start-time": "Nov 1, 2026 3:00:00 AM",
        "logs": {"deep-link": CONSOLE + "cloudwatch/home#logEvent:group=build"},
        "phases": phases if status == "FAILED" else phases[:1],
    }
    detail = {
        "project-name": "shop",
        "build-status": status,
        "build-id": arn("codebuild", "build/shop:8745a7a9"),
        "current-phase": "COMPLETED",
        "additional-information": more,
    }
    return event("CodeBuild Build State Change", detail, source="aws.codebuild")


def pipeline(kind: str, **detail: Any) -> Any:
    return event(f"CodePipeline {kind} State Change", {"pipeline": "shop", "execution-id": "01234567", **detail})


def stack(status: str, kind: str = "Stack") -> Any:
    detail = {
        "stack-id": arn("cloudformation", "stack/shop/b0a5d2f0"),
        "status-details": {"status": status, "status-reason": "said so"},
        "logical-resource-id": "Bucket",
        "resource-type": "AWS::S3::Bucket",
    }
    return event(f"CloudFormation {kind} Status Change", detail, source="aws.cloudformation")


def stack_text(status: str) -> str:
    stack_id = arn("cloudformation", "stack/shop/b0a5d2f0")
    return (
        f"StackId='{stack_id}'\nTimestamp='2026-11-01T03:04:05.678Z'\nEventId='1'\nLogicalResourceId='Bucket'\n"
        f"Namespace='{ACCOUNT}'\nPhysicalResourceId='holiday-pictures'\nResourceProperties='{{}}'\n"
        f"ResourceStatus='{status}'\nResourceStatusReason='already exists'\nResourceType='AWS::S3::Bucket'\n"
        "StackName='shop'\n"
    )


def rds(message: str, *categories: str) -> Any:
    detail = {
        "EventCategories": list(categories),
        "SourceIdentifier": "orders",
        "Message": message,
        "EventID": "RDS-EVENT",
    }
    return event("RDS DB Instance Event", detail, source="aws.rds")


def rds_text(message: str) -> Any:
    return {
        "Event Source": "db-instance",
        "Event Time": "2026-11-01 03:04:05.000",
        "Identifier Link": f"{CONSOLE}rds/home?region={REGION}#dbinstance:id=orders",
        "Source ID": "orders",
        "Source ARN": arn("rds", "db:orders"),
        "Event ID": "http://docs.amazonwebservices.com/AmazonRDS/latest/UserGuide/USER_Events.html#RDS-EVENT-0089",
        "Event Message": message,
    }


def deployment(status: str) -> Any:
    return {
        "region": REGION,
        "accountId": ACCOUNT,
        "eventTriggerName": "all",
        "applicationName": "shop",
        "deploymentId": "d-75I7MBT7C",
        "deploymentGroupName": "blue",
        "createTime": "Sun Nov 01 03:04:05 UTC 2026",
        "status": status,
        "errorInformation": '{"ErrorCode":"HEALTH_CONSTRAINTS","ErrorMessage":"too few healthy instances"}',
    }


def mail(kind: str, **more: Any) -> Any:
    sent = {
        "timestamp": TIME,
        "source": "hello@joytify.example",
        "sourceArn": arn("ses", "identity/joytify.example"),
        "sendingAccountId": ACCOUNT,
        "destination": ["ann@example.com"],
        "commonHeaders": {"subject": "Your month"},
    }
    return {"notificationType": kind, "mail": sent, **more}


def bounce(kind: str) -> Any:
    recipient = {"emailAddress": "ann@example.com", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
    return mail("Bounce", bounce={"bounceType": kind, "bouncedRecipients": [recipient], "timestamp": TIME})


def beanstalk(message: str) -> str:
    return f"Timestamp: Sun Nov 01 03:04:05 UTC 2026\nMessage: {message}\n\nEnvironment: shop-prod\nApplication: shop\n"


def sign_in(identity: dict[str, Any], result: str) -> Any:
    detail = {
        "eventTime": TIME,
        "eventName": "ConsoleLogin",
        "eventID": "3fcfb182",
        "sourceIPAddress": "198.51.100.7",
        "userIdentity": identity,
        "responseElements": {"ConsoleLogin": result},
        "additionalEventData": {"MFAUsed": "No"},
    }
    return event("AWS Console Sign In via CloudTrail", detail, source="aws.signin")


ALARM = CONSOLE + "cloudwatch/home?region=eu-west-1#alarmsV2:alarm/api-errors"
METRIC = "AWS/Lambda Errors of api"
BACKUP_TEXT = "An AWS Backup job {}. Resource ARN : " + arn("dynamodb", "table/listeners") + ". BackupJob ID : 1b2345b2"
MATH = {
    "ComparisonOperator": "GreaterThanThreshold",
    "Threshold": 5.0,
    "Metrics": [
        {"Expression": "errors / calls * 100", "Id": "rate", "Label": "Error rate", "ReturnData": True},
        {
            "Id": "errors",
            "MetricStat": {"Metric": {"MetricName": "Errors", "Namespace": "AWS/Lambda", "Dimensions": []}},
        },
        {"Id": "calls", "MetricStat": {"Metric": {"MetricName": "Invocations", "Namespace": "AWS/Lambda"}}},
    ],
}
BAND = {
    "ComparisonOperator": "LessThanLowerOrGreaterThanUpperThreshold",
    "ThresholdMetricId": "ad1",
    "Metrics": [
        {"Id": "m1", "MetricStat": {"Metric": {"MetricName": "Latency", "Namespace": "AWS/ELB"}}},
        {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)"},
    ],
}
INSIGHTS = {
    "ComparisonOperator": "GreaterThanThreshold",
    "Threshold": 1.0,
    "Metrics": [{"Id": "q1", "Expression": 'SELECT MAX(CPUUtilization) FROM SCHEMA("AWS/EC2", InstanceId)'}],
}
CHILDREN = [{"Arn": arn("cloudwatch", "alarm:api-latency"), "State": {"Value": "ALARM", "Timestamp": TIME}}]
FAILED_SCAN = "ECR scan of shop: failed"

CASES: dict[str, Case] = {
    # CloudWatch
    "alarm": Case(
        alarm(), FAILURE, ("Alarm: api-errors", METRIC, "above 1", "[runbook](https://example.com/runbook)"), ALARM
    ),
    "alarm resolved": Case(alarm("OK", "ALARM"), SUCCESS, ("Resolved: api-errors", "alarm"), ALARM),
    "alarm OK after no data": Case(
        alarm("OK", "INSUFFICIENT_DATA"), SUCCESS, ("OK: api-errors",), ALARM, hides=("Resolved",)
    ),
    "alarm without data": Case(alarm("INSUFFICIENT_DATA"), WARNING, ("No data: api-errors",), ALARM),
    "alarm of math": Case(
        alarm(Trigger=MATH), FAILURE, ("Error rate: errors / calls * 100", "Errors", "Invocations"), ALARM
    ),
    "alarm of a query": Case(alarm(Trigger=INSIGHTS), FAILURE, ("SELECT MAX(CPUUtilization)",), ALARM),
    "alarm of a band": Case(
        alarm(Trigger=BAND), FAILURE, ("AWS/ELB Latency", "outside the expected band"), ALARM, hides=("ad1",)
    ),
    "alarm, composite": Case(
        alarm(Trigger={}, AlarmRule='ALARM("api-latency")', TriggeringChildren=CHILDREN),
        FAILURE,
        ('ALARM("api-latency")', "api-latency: ALARM"),
        ALARM,
    ),
    "alarm by EventBridge": Case(
        alarm_event("ALARM", "OK"), FAILURE, ("Alarm: api-errors", METRIC, "Threshold Crossed"), ALARM
    ),
    "alarm resolved by EventBridge": Case(alarm_event("OK", "ALARM"), SUCCESS, ("Resolved: api-errors",), ALARM),
    # Containers and jobs
    "ECS out of memory": Case(
        task(137, "EssentialContainerExited", "Essential container in task exited", "OutOfMemoryError: killed"),
        FAILURE,
        ("ECS task of service:web: stopped", "OutOfMemoryError", "exit code 137"),
        CONSOLE + "ecs/v2/clusters/shop/tasks/c13b4cb40f1f4fe4a2971f76ae5a47ad",
    ),
    "ECS task crashed": Case(
        task(1, "EssentialContainerExited", "Essential container in task exited"), FAILURE, ("exit code 1",)
    ),
    "ECS task did not start": Case(
        task(None, "TaskFailedToStart", "CannotPullContainerError"), FAILURE, ("CannotPullContainerError",)
    ),
    "ECS task scaled in": Case(
        task(143, "ServiceSchedulerInitiated", "Scaling activity"), INFORMATION, ("Scaling activity",)
    ),
    "ECS task ended well": Case(
        task(0, "EssentialContainerExited", "Essential container in task exited"), INFORMATION, ("exit code 0",)
    ),
    "ECS spot interruption": Case(
        task(143, "SpotInterruption", "Your Spot Task was interrupted"), WARNING, ("Spot Task",)
    ),
    "ECS service ERROR": Case(
        service("ECS Service Action", "ERROR", "SERVICE_TASK_PLACEMENT_FAILURE"),
        FAILURE,
        ("service task placement failure", "because"),
    ),
    "ECS service WARN": Case(
        service("ECS Service Action", "WARN", "SERVICE_TASK_START_IMPAIRED"), WARNING, ("start impaired",)
    ),
    "ECS service INFO": Case(
        service("ECS Service Action", "INFO", "SERVICE_STEADY_STATE"), INFORMATION, ("steady state",)
    ),
    "ECS deployment failed": Case(
        service("ECS Deployment State Change", "ERROR", "SERVICE_DEPLOYMENT_FAILED"),
        FAILURE,
        ("service web", "deployment failed"),
        CONSOLE + "ecs/v2/clusters/shop/services/web/health",
    ),
    "ECS deployment completed": Case(
        service("ECS Deployment State Change", "INFO", "SERVICE_DEPLOYMENT_COMPLETED"),
        SUCCESS,
        ("deployment completed",),
        CONSOLE + "ecs/v2/clusters/shop/services/web/health",
    ),
    "Batch failed": Case(
        event(
            "Batch Job State Change",
            {
                "jobName": "report",
                "jobId": "4c7599ae",
                "status": "FAILED",
                "statusReason": "Host EC2 terminated",
                "jobQueue": arn("batch", "job-queue/low"),
            },
        ),
        FAILURE,
        ("Batch job report: failed", "Host EC2 terminated", "low"),
    ),
    "Batch succeeded": Case(
        event("Batch Job State Change", {"jobName": "report", "jobId": "4c", "status": "SUCCEEDED"}),
        SUCCESS,
        ("succeeded",),
    ),
    "Batch running": Case(
        event("Batch Job State Change", {"jobName": "report", "jobId": "4c", "status": "RUNNING"}),
        INFORMATION,
        ("running",),
    ),
    **{
        f"Step Functions {status}": Case(
            event(
                "Step Functions Execution Status Change",
                {
                    "executionArn": arn("states", "execution:month-end:1"),
                    "stateMachineArn": arn("states", "stateMachine:month-end"),
                    "name": "1",
                    "status": status,
                    "cause": "a state failed" if status == "FAILED" else None,
                },
            ),
            severity,
            (f"State machine month-end: {status.replace('_', ' ').lower()}",),
        )
        for status, severity in (
            ("FAILED", FAILURE),
            ("TIMED_OUT", FAILURE),
            ("ABORTED", FAILURE),
            ("SUCCEEDED", SUCCESS),
            ("RUNNING", INFORMATION),
        )
    },
    **{
        f"Glue {state}": Case(
            event(
                "Glue Job State Change", {"jobName": "etl", "jobRunId": "jr_1", "state": state, "message": "said so"}
            ),
            severity,
            (f"Glue job etl: {state.lower()}", "said so"),
        )
        for state, severity in (("FAILED", FAILURE), ("TIMEOUT", FAILURE), ("STOPPED", WARNING), ("SUCCEEDED", SUCCESS))
    },
    **{
        f"SSM command {status}": Case(
            event(
                "EC2 Command Status-change Notification",
                {"command-id": "e8d3c0e4", "document-name": "AWS-RunShellScript", "status": status},
            ),
            severity,
            (f"Command AWS-RunShellScript: {words}",),
        )
        for status, words, severity in (
            ("Failed", "failed", FAILURE),
            ("TimedOut", "timed out", FAILURE),
            ("ExecutionTimedOut", "execution timed out", FAILURE),
            ("AccessDenied", "access denied", FAILURE),
            ("Terminated", "terminated", WARNING),
            ("Success", "success", SUCCESS),
            ("InProgress", "in progress", INFORMATION),
        )
    },
    "EC2 state": Case(
        event("EC2 Instance State-change Notification", {"instance-id": "i-1111", "state": "stopping"}),
        INFORMATION,
        ("Instance i-1111: stopping",),
    ),
    "EC2 spot warning": Case(
        event("EC2 Spot Instance Interruption Warning", {"instance-id": "i-1111", "instance-action": "terminate"}),
        WARNING,
        ("i-1111 will be interrupted: terminate",),
    ),
    "Auto Scaling failed": Case(
        event("EC2 Instance Launch Unsuccessful", {"AutoScalingGroupName": "web", "StatusMessage": "no capacity"}),
        FAILURE,
        ("web: launch unsuccessful", "no capacity"),
    ),
    "Auto Scaling launched": Case(
        event("EC2 Instance Launch Successful", {"AutoScalingGroupName": "web", "Cause": "load"}),
        INFORMATION,
        ("web: launch successful", "load"),
    ),
    "Beanstalk by EventBridge": Case(
        event(
            "Health status change",
            {
                "EnvironmentName": "shop",
                "Status": "Environment health changed",
                "Message": "from Ok to Severe",
                "Severity": "WARN",
            },
        ),
        FAILURE,
        ("Beanstalk shop: environment health changed", "from Ok to Severe"),
    ),
    "Lambda failure": Case(
        event(
            "Lambda Function Invocation Result - Failure",
            {
                "requestContext": {"functionArn": arn("lambda", "function:api:$LATEST")},
                "responsePayload": {"errorMessage": "boom", "errorType": "ValueError"},
            },
        ),
        FAILURE,
        ("api failed, and Lambda gave up on the event", "boom", "ValueError"),
        CONSOLE + "lambda/home?region=eu-west-1#/functions/api",
    ),
    # Delivery
    "CodeBuild failed": Case(
        build("FAILED"),
        FAILURE,
        ("Build shop: failed", "build: COMMAND_EXECUTION_ERROR: exit status 2", "alice"),
        CONSOLE + "cloudwatch/home#logEvent",
    ),
    "CodeBuild succeeded": Case(build("SUCCEEDED"), SUCCESS, ("Build shop: succeeded",), CONSOLE + "cloudwatch"),
    "CodePipeline failed": Case(pipeline("Pipeline Execution", state="FAILED"), FAILURE, ("Pipeline shop: failed",)),
    "CodePipeline succeeded": Case(
        pipeline("Pipeline Execution", state="SUCCEEDED"), SUCCESS, ("Pipeline shop: succeeded",)
    ),
    "CodePipeline action failed": Case(
        pipeline("Action Execution", action="Deploy", stage="Prod", state="FAILED", type={"category": "Deploy"}),
        FAILURE,
        ("shop: Deploy failed", "Prod"),
    ),
    "CodePipeline approval": Case(
        pipeline("Action Execution", action="Approve", stage="Prod", state="STARTED", type={"category": "Approval"}),
        WARNING,
        ("shop: Approve started",),
    ),
    **{
        f"CodeDeploy {state}": Case(
            event(
                "CodeDeploy Deployment State-change Notification",
                {"application": "shop", "deploymentId": "d-1", "deploymentGroup": "blue", "state": state},
            ),
            severity,
            (f"Deployment of shop: {state.lower()}", "blue"),
        )
        for state, severity in (("FAILURE", FAILURE), ("SUCCESS", SUCCESS), ("START", INFORMATION), ("STOP", WARNING))
    },
    "CodeDeploy by SNS failed": Case(
        deployment("FAILED"), FAILURE, ("Deployment of shop: failed", "too few healthy instances")
    ),
    "CodeDeploy by SNS succeeded": Case(deployment("SUCCEEDED"), SUCCESS, ("Deployment of shop: succeeded",)),
    "CodeCommit": Case(
        event(
            "CodeCommit Repository State Change",
            {
                "event": "referenceUpdated",
                "repositoryName": "shop",
                "referenceType": "branch",
                "referenceName": "main",
                "callerUserArn": "arn:aws:iam::111122223333:user/alice",
            },
        ),
        INFORMATION,
        ("shop: referenceUpdated branch main", "alice"),
    ),
    "CodeCommit pull request": Case(
        event(
            "CodeCommit Pull Request State Change",
            {
                "event": "pullRequestCreated",
                "title": "Faster",
                "pullRequestStatus": "Open",
                "pullRequestId": "1",
                "repositoryNames": ["shop"],
                "notificationBody": "alice opened it",
            },
        ),
        INFORMATION,
        ("Faster: pullRequestCreated (open)", "alice opened it"),
    ),
    **{
        f"stack {status}": Case(stack(status), severity, (f"Stack shop: {status.replace('_', ' ').lower()}", "said so"))
        for status, severity in (
            ("UPDATE_ROLLBACK_COMPLETE", FAILURE),
            ("CREATE_FAILED", FAILURE),
            ("UPDATE_COMPLETE", SUCCESS),
            ("UPDATE_IN_PROGRESS", INFORMATION),
        )
    },
    "stack resource failed": Case(stack("CREATE_FAILED", "Resource"), FAILURE, ("Stack shop: Bucket create failed",)),
    "stack as text, failed": Case(
        stack_text("CREATE_FAILED"),
        FAILURE,
        ("Stack shop: Bucket create failed", "already exists"),
        subject="AWS CloudFormation Notification",
    ),
    "stack as text, rolled back": Case(stack_text("ROLLBACK_IN_PROGRESS"), FAILURE, ("rollback in progress",)),
    "stack as text, complete": Case(stack_text("UPDATE_COMPLETE"), SUCCESS, ("update complete",)),
    # Data
    "RDS almost full": Case(
        rds("The free storage capacity for DB instance orders is low at 7%", "low storage"),
        FAILURE,
        ("RDS instance orders", "low at 7%"),
    ),
    "RDS failover": Case(rds("Multi-AZ failover started", "failover"), WARNING, ("failover started",)),
    "RDS backup": Case(rds("Finished DB instance backup", "backup"), INFORMATION, ("Finished DB instance backup",)),
    "RDS by SNS, almost full": Case(
        rds_text("The free storage capacity for DB instance is low"), FAILURE, ("RDS orders", "RDS-EVENT-0089")
    ),
    "RDS by SNS, backup": Case(rds_text("Finished DB Instance backup"), INFORMATION, ("Finished DB Instance backup",)),
    "DMS failed": Case(
        event(
            "DMS Replication Task State Change",
            {"eventType": "REPLICATION_TASK_FAILED", "detailMessage": "out of disk", "category": "StateChange"},
            resources=(arn("dms", "task:orders"),),
        ),
        FAILURE,
        ("DMS orders: replication task failed", "out of disk"),
    ),
    "DMS started": Case(
        event("DMS Replication Task State Change", {"eventType": "REPLICATION_TASK_STARTED"}),
        INFORMATION,
        ("task started",),
    ),
    "EBS snapshot failed": Case(
        event(
            "EBS Snapshot Notification",
            {
                "event": "createSnapshot",
                "result": "failed",
                "cause": "no space",
                "snapshot_id": arn("ec2", "snapshot/snap-1"),
            },
        ),
        FAILURE,
        ("createSnapshot failed: snap-1", "no space"),
    ),
    "EBS snapshot": Case(
        event(
            "EBS Snapshot Notification",
            {"event": "createSnapshot", "result": "succeeded", "snapshot_id": arn("ec2", "snapshot/snap-1")},
        ),
        SUCCESS,
        ("succeeded: snap-1",),
    ),
    "backup failed": Case(
        backup("FAILED", backupVaultName="nightly", statusMessage="access denied"),
        FAILURE,
        ("Backup failed: DynamoDB listeners", "nightly", "access denied"),
    ),
    "backup without a vault": Case(
        backup("COMPLETED"), SUCCESS, ("Backup completed: DynamoDB listeners",), hides=("DynamoDB in",)
    ),
    "backup expired": Case(backup("EXPIRED"), WARNING, ("Backup expired",)),
    "backup running": Case(backup("RUNNING"), INFORMATION, ("Backup running",)),
    **{
        f"backup as text, {state}": Case(
            BACKUP_TEXT.format(words),
            severity,
            ("listeners", state.lower()),
            attributes={"State": state, "accountId": ACCOUNT},
            subject="Notification from AWS Backup",
        )
        for state, words, severity in (
            ("COMPLETED", "was completed successfully", SUCCESS),
            ("FAILED", "failed", FAILURE),
            ("EXPIRED", "was stopped", WARNING),
            ("ABORTED", "ended", FAILURE),
        )
    },
    "S3 by EventBridge": Case(
        event(
            "Object Created",
            {"bucket": {"name": "pictures"}, "object": {"key": "a/b.jpg", "size": 5}, "reason": "PutObject"},
        ),
        INFORMATION,
        ("pictures: a/b.jpg was created",),
    ),
    "S3 by SNS": Case(
        {
            "Records": [
                {
                    "eventSource": "aws:s3",
                    "awsRegion": REGION,
                    "eventTime": TIME,
                    "eventName": "ObjectRemoved:Delete",
                    "s3": {"bucket": {"name": "pictures"}, "object": {"key": "a+b.jpg"}},
                }
            ]
        },
        INFORMATION,
        ("pictures: ObjectRemoved:Delete a b.jpg",),
        account="123456789012",
    ),
    # Security
    "ECR scan failed": Case(scan("FAILED"), FAILURE, (FAILED_SCAN,), hides=("nothing found",)),
    "ECR scan critical": Case(
        scan("COMPLETE", CRITICAL=2, HIGH=1), FAILURE, ("ECR scan of shop: complete", "Critical", "2")
    ),
    "ECR scan low": Case(scan("COMPLETE", LOW=9), WARNING, ("Low", "9")),
    "ECR scan clean": Case(scan("COMPLETE"), SUCCESS, ("ECR scan of shop: complete",)),
    "Security Hub failed": Case(
        security_hub(finding("HIGH", Compliance={"Status": "FAILED"})),
        FAILURE,
        ("S3.1 Public access", "holiday-pictures", "FAILED"),
    ),
    "Security Hub passed": Case(
        security_hub(finding("HIGH", Compliance={"Status": "PASSED"}, Workflow={"Status": "RESOLVED"})),
        SUCCESS,
        ("PASSED",),
    ),
    "Security Hub archived": Case(security_hub(finding("CRITICAL", RecordState="ARCHIVED")), SUCCESS, ("S3.1",)),
    "Security Hub, several": Case(
        security_hub(
            finding("LOW", Title="first"),
            finding("CRITICAL", Title="second"),
            finding("HIGH", Title="third", Workflow={"Status": "RESOLVED"}),
        ),
        FAILURE,
        ("first (low", "second (critical", "third (high, resolved)"),
    ),
    "Security Hub custom action": Case(
        event("Security Hub Findings - Custom Action", {"actionName": "Ticket", "findings": [finding("MEDIUM")]}),
        WARNING,
        ("Security Hub (Ticket)",),
    ),
    "GuardDuty high": Case(
        guardduty(8.0), FAILURE, ("Unusual console login", "high (8.0)", "alice", "198.51.100.7", "<t:1793494800:R>")
    ),
    "GuardDuty medium": Case(guardduty(5.0), WARNING, ("medium (5.0)",)),
    "GuardDuty low": Case(guardduty(2.0), INFORMATION, ("low (2.0)",)),
    "GuardDuty archived": Case(guardduty(8.0, archived=True), SUCCESS, ("Archived", "yes")),
    "malware": Case(
        event(
            "GuardDuty Malware Protection Object Scan Result",
            {
                "scanStatus": "COMPLETED",
                "s3ObjectDetails": {"bucketName": "pictures", "objectKey": "a.zip"},
                "scanResultDetails": {"scanResultStatus": "THREATS_FOUND", "threats": [{"name": "EICAR"}]},
            },
        ),
        FAILURE,
        ("Malware scan of a.zip: threats found", "EICAR", "pictures"),
    ),
    "no malware": Case(
        event(
            "GuardDuty Malware Protection Object Scan Result",
            {
                "scanStatus": "COMPLETED",
                "s3ObjectDetails": {"objectKey": "a.zip"},
                "scanResultDetails": {"scanResultStatus": "NO_THREATS_FOUND"},
            },
        ),
        SUCCESS,
        ("no threats found",),
    ),
    "Inspector critical": Case(
        event(
            "Inspector2 Finding",
            {
                "title": "CVE-2026-1 - openssl",
                "severity": "CRITICAL",
                "status": "ACTIVE",
                "description": "bad",
                "resources": [{"id": arn("ec2", "instance/i-1111")}],
            },
        ),
        FAILURE,
        ("CVE-2026-1 - openssl", "CRITICAL", "i-1111"),
    ),
    "Inspector closed": Case(
        event("Inspector2 Finding", {"title": "CVE-2026-1", "severity": "CRITICAL", "status": "CLOSED"}),
        SUCCESS,
        ("CLOSED",),
    ),
    "Inspector scan": Case(
        event(
            "Inspector2 Scan",
            {
                "scan-status": "INITIAL_SCAN_COMPLETE",
                "repository-name": arn("ecr", "repository/shop"),
                "finding-severity-counts": {"CRITICAL": 0, "HIGH": 3, "TOTAL": 3},
            },
        ),
        FAILURE,
        ("Inspector scan of shop: initial scan complete",),
    ),
    "Access Analyzer public": Case(
        event(
            "Access Analyzer Finding",
            {
                "id": "f1",
                "status": "ACTIVE",
                "isPublic": True,
                "resource": "arn:aws:s3:::pictures",
                "resourceType": "AWS::S3::Bucket",
            },
        ),
        FAILURE,
        ("Access from outside to pictures: active",),
    ),
    "Access Analyzer resolved": Case(
        event(
            "Access Analyzer Finding",
            {"id": "f1", "status": "RESOLVED", "isPublic": True, "resource": "arn:aws:s3:::pictures"},
        ),
        SUCCESS,
        ("resolved",),
    ),
    # The account
    "Health issue": Case(
        health("open", "issue"),
        FAILURE,
        ("AWS Health: EC2 issue open", "We are looking into it.", "i-1111", "i-2222 impaired", "<t:1793494800:R>"),
    ),
    "Health closed": Case(health("closed", "issue"), SUCCESS, ("AWS Health: EC2 issue closed",)),
    "Health change": Case(
        health("upcoming", "scheduledChange"), WARNING, ("AWS Health: EC2 scheduled change upcoming",)
    ),
    "Health notice": Case(health("open", "accountNotification"), INFORMATION, ("account notification",)),
    **{
        f"Config {kind}": Case(
            event(
                "Config Rules Compliance Change",
                {
                    "configRuleName": "encrypted",
                    "resourceId": "vol-1",
                    "resourceType": "AWS::EC2::Volume",
                    "newEvaluationResult": {"complianceType": kind},
                    "oldEvaluationResult": {"complianceType": "NON_COMPLIANT"},
                },
            ),
            severity,
            (f"vol-1 is {kind.replace('_', ' ').lower()} with encrypted",),
        )
        for kind, severity in (("NON_COMPLIANT", FAILURE), ("COMPLIANT", SUCCESS))
    },
    **{
        f"Trusted Advisor {status}": Case(
            event(
                "Trusted Advisor Check Item Refresh Notification",
                {"check-name": "Security Groups", "status": status, "resource_id": arn("ec2", "security-group/sg-1")},
            ),
            severity,
            (f"Security Groups {status.lower()}", "sg-1"),
        )
        for status, severity in (("ERROR", FAILURE), ("WARN", WARNING), ("OK", SUCCESS))
    },
    "certificate expires soon": Case(
        event("ACM Certificate Approaching Expiration", {"DaysToExpiry": 5, "CommonName": "joytify.example"}),
        FAILURE,
        ("joytify.example expires in 5 days",),
    ),
    "certificate expires": Case(
        event("ACM Certificate Approaching Expiration", {"DaysToExpiry": 30, "CommonName": "joytify.example"}),
        WARNING,
        ("expires in 30 days",),
    ),
    "root signed in": Case(
        sign_in({"type": "Root", "arn": "arn:aws:iam::111122223333:root"}, "Success"),
        FAILURE,
        ("Console sign-in of Root: success", "198.51.100.7"),
    ),
    "wrong password": Case(
        sign_in({"type": "IAMUser", "userName": "alice"}, "Failure"), WARNING, ("Console sign-in of alice: failure",)
    ),
    # SES, Beanstalk, subscriptions
    "permanent bounce": Case(
        bounce("Permanent"), FAILURE, ("Mail bounce (permanent): ann@example.com", "550 5.1.1", "Your month")
    ),
    "transient bounce": Case(bounce("Transient"), WARNING, ("Mail bounce (transient)",)),
    "complaint": Case(
        mail(
            "Complaint",
            complaint={"complaintFeedbackType": "abuse", "complainedRecipients": [{"emailAddress": "ann@example.com"}]},
        ),
        FAILURE,
        ("Mail complaint (abuse): ann@example.com",),
    ),
    "delivered": Case(mail("Delivery"), INFORMATION, ("Mail delivery: ann@example.com",)),
    "Beanstalk severe": Case(
        beanstalk("Environment health has transitioned from Ok to Severe. 100.0 % of the requests are failing."),
        FAILURE,
        ("Beanstalk shop-prod", "from Ok to Severe"),
        "https://ap-northeast-1.console.aws.amazon.com/elasticbeanstalk",
        account="123456789012",
        region="ap-northeast-1",
    ),
    "Beanstalk recovered": Case(
        beanstalk("Environment health has transitioned from Severe to Ok."),
        SUCCESS,
        ("to Ok",),
        "https://ap-northeast-1.console.aws.amazon.com/elasticbeanstalk",
        account="123456789012",
        region="ap-northeast-1",
    ),
    "subscription": Case(
        "You have chosen to subscribe to the topic arn:aws:sns:eu-west-1:111122223333:x.\nTo confirm, visit https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1",
        WARNING,
        ("is waiting for confirmation", "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"),
        "",
        account="123456789012",
        region="ap-northeast-1",
    ),
    # Variants seen in practice that differ from the documentation
    **{
        f"alarm without a region in its ARN, {name}": Case(
            alarm(AlarmArn=value),
            FAILURE,
            ("Alarm: api-errors",),
            "https://ap-northeast-1.console",
            region="ap-northeast-1",
        )
        for name, value in (("none", None), ("global", f"arn:aws:cloudwatch::{ACCOUNT}:alarm:api-errors"))
    },
    "alarm by EventBridge without resources": Case(
        {**alarm_event("ALARM", "OK"), "resources": None}, FAILURE, ("Alarm: api-errors", METRIC), ALARM
    ),
    "alarm, composite, by EventBridge": Case(
        composite_event(), FAILURE, ("api-latency: ALARM", "because api-latency transitioned"), ALARM, hides=("arn:",)
    ),
    "alarm whose actions are suppressed": Case(
        alarm(ActionsSuppressedBy="maintenance"), FAILURE, ("Actions suppressed by", "maintenance"), ALARM
    ),
    "developer tools": Case(
        developer_tools("CodePipeline Pipeline Execution State Change", {"pipeline": "shop", "state": "FAILED"}),
        FAILURE,
        ("Pipeline shop: failed", "Deploy", "no such bucket"),
    ),
    "developer tools, approval": Case(
        developer_tools(
            "CodePipeline Action Execution State Change",
            {"pipeline": "shop", "action": "Approve", "state": "STARTED", "type": {"category": "Approval"}},
        ),
        WARNING,
        ("shop: Approve started",),
    ),
    "approval by SNS": Case(
        {
            "region": REGION,
            "consoleLink": CONSOLE + "codesuite",
            "approval": {
                "pipelineName": "shop",
                "stageName": "Prod",
                "actionName": "Approve",
                "token": "1a2b3c4d",
                "expires": "2026-11-08T03:04Z",
                "customData": "Look at staging first.",
            },
        },
        WARNING,
        ("Pipeline shop: Approve is waiting for approval", "Look at staging first."),
        account="123456789012",
        hides=("1a2b3c4d",),
    ),
    "DMS by SNS": Case(
        {
            "Event Source": "replication-task",
            "Event Time": "2026-11-01 03:04:05.091",
            "Identifier Link": f"{CONSOLE}dms/home?region={REGION}#tasks:ids=orders",
            "SourceId": "orders",
            "Event ID": "http://docs.aws.amazon.com/dms/latest/userguide/CHAP_Events.html#DMS-EVENT-0078",
            "Event Message": "Replication task has failed.",
        },
        FAILURE,
        ("DMS orders: Replication task has failed.",),
        account="123456789012",
    ),
    "Redshift by SNS": Case(
        {
            "Event Source": "cluster",
            "Event Time": "2026-11-01 03:04:05.000",
            "Identifier Link": f"{CONSOLE}redshift/home?region={REGION}#cluster-details:cluster=plays",
            "Resource": "plays",
            "Severity": "ERROR",
            "Event Message": "The cluster could not be resized.",
        },
        FAILURE,
        ("Redshift plays: The cluster could not be resized.",),
        account="123456789012",
    ),
    "RDS with low inside another word": Case(
        rds("Storage optimization has completed; the window follows", "backup"), INFORMATION, ("follows",)
    ),
    "RDS nearing its storage": Case(
        rds_text("Your instance is nearing the maximum storage threshold"), FAILURE, ("maximum storage threshold",)
    ),
    "RDS failover by SNS": Case(rds_text("Multi-AZ instance failover started"), WARNING, ("failover started",)),
    "copy as text, failed": Case(
        "An AWS Copy job was completed but was failed or was aborted. Resource ARN : "
        + arn("ec2", "volume/vol-1")
        + ".",
        FAILURE,
        ("vol-1", "failed"),
        attributes={"State": "FAILED", "AccountId": ACCOUNT},
    ),
    "Beanstalk RED": Case(
        beanstalk("Environment health has been set to RED"),
        FAILURE,
        ("RED",),
        "https://ap-northeast-1.console",
        account="123456789012",
        region="ap-northeast-1",
    ),
    "Beanstalk with errors": Case(
        beanstalk("Update environment operation is complete, but with errors."),
        FAILURE,
        ("with errors",),
        "https://ap-northeast-1.console",
        account="123456789012",
        region="ap-northeast-1",
    ),
    "Beanstalk with issues": Case(
        beanstalk("Successfully launched environment. However, there were issues during launch."),
        WARNING,
        ("issues during launch",),
        "https://ap-northeast-1.console",
        account="123456789012",
        region="ap-northeast-1",
    ),
    "ECS health checks failed": Case(
        task(137, "ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group web)"),
        FAILURE,
        ("failed ELB health checks",),
    ),
    "malware scan denied": Case(
        event(
            "GuardDuty Malware Protection Object Scan Result",
            {
                "scanStatus": "SKIPPED",
                "s3ObjectDetails": {"objectKey": "a.zip"},
                "scanResultDetails": {"scanResultStatus": "ACCESS_DENIED"},
            },
        ),
        FAILURE,
        ("access denied",),
    ),
    "GuardDuty critical": Case(guardduty(9.3), FAILURE, ("critical (9.3)",)),
    "Security Hub with a remedy elsewhere": Case(
        security_hub(finding("HIGH", Remediation={"Recommendation": {"Url": "https://docs.aws.amazon.com/console/x"}})),
        FAILURE,
        ("https://docs.aws.amazon.com/console/x",),
        CONSOLE + "securityhub",
    ),
    "Security Hub insight": Case(
        event("Security Hub Insight Results", {"insightName": "Top buckets", "actionName": "Mail"}),
        INFORMATION,
        ("Security Hub insight: Top buckets",),
    ),
    "SageMaker": Case(
        event("SageMaker Training Job State Change", {"TrainingJobName": "t", "TrainingJobStatus": "Failed"}),
        FAILURE,
        ("Failed",),
        "",
    ),
    "failed event with a check that passed": Case(
        event("Thing Status Change", {"status": "FAILED", "job": {"checks": {"state": "PASSED"}}}),
        FAILURE,
        ("PASSED",),
        "",
    ),
    "states of the past": Case(
        event(
            "Thing Status Change", {"status": "ACTIVE", "history": [{"status": "FAILED"}], "previousStatus": "FAILED"}
        ),
        INFORMATION,
        ("ACTIVE",),
        "",
    ),
    **{
        f"text: {text}": Case(text, severity, (text[:18],), "", account="123456789012", region="ap-northeast-1")
        for text, severity in (
            ("CRITICAL: database is down", FAILURE),
            ("Job nightly TIMED_OUT", FAILURE),
            ("Nightly job report\nIt failed with exit code 3.", FAILURE),
            ("No error was found; 0 failed, all good", INFORMATION),
            ("Hello operators", INFORMATION),
        )
    },
    "unknown JSON with account and region": Case(
        {"awsAccountId": ACCOUNT, "awsRegion": REGION, "configRuleName": "x", "success": False}, FAILURE, ("x",), ""
    ),
    # Kinds that are not known
    "unknown, failed": Case(
        event(
            "Thing Status Change",
            {"thing": {"status": "CREATE_FAILED", "reason": "no quota"}, "nothing": None},
            resources=(arn("thing", "thing/one"),),
        ),
        FAILURE,
        ("Thing Status Change", "no quota", "one", "<t:1793502245:R>"),
        "",
    ),
    "unknown, harmless": Case(event("Thing Status Change", {"status": "UPDATING"}), INFORMATION, ("UPDATING",), ""),
    "unknown, resolved": Case(
        event("Thing Finding", {"severity": "HIGH", "status": "RESOLVED"}), SUCCESS, ("RESOLVED",), ""
    ),
    "unknown, many values": Case(
        event(
            "Large Event",
            {**{f"key{n}": n for n in range(40)}, "status": "FAILED", "message": "the reason"},
            resources=(arn("thing", "thing/one"),),
        ),
        FAILURE,
        ("the reason", "one", "<t:1793502245:R>"),
        "",
    ),
    "unknown JSON, failed": Case(
        {"service": "x", "status": "FAILED", "error": "boom"},
        FAILURE,
        ("boom",),
        "",
        account="123456789012",
        region="ap-northeast-1",
    ),
    "China": Case(
        {
            **event("Batch Job State Change", {"jobName": "report", "jobId": "4c", "status": "FAILED"}),
            "region": "cn-north-1",
        },
        FAILURE,
        ("Batch job report: failed",),
        "https://cn-north-1.console.amazonaws.cn/",
        region="cn-north-1",
    ),
}
