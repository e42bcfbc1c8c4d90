"""Events of containers, instances, functions and jobs.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_cwe_events.html
https://docs.aws.amazon.com/batch/latest/userguide/batch_cwe_events.html
https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
"""

from __future__ import annotations

import re
from typing import Any

from joytify_discord.embed import FAILURE, INFORMATION, WARNING, Severity
from joytify_discord.rendering.json_values import get_list, get_path
from joytify_discord.rendering.kinds.kind import Kind
from joytify_discord.rendering.severity import severity_of_text, severity_of_word, worst

# arn:aws:ecs:REGION:ACCOUNT:service/CLUSTER/SERVICE
SERVICE = "ecs/v2/clusters/{@resources.0:parent}/services/{@resources.0:name}/health?region={region}"
SCALING = {"Successful": INFORMATION, "Unsuccessful": FAILURE}
# To stop a container, the scheduler sends SIGTERM (exit code 143), then SIGKILL (137).
ENDED_ON_REQUEST = {"0", "143", "137", ""}


def _by_task(detail: dict[str, Any]) -> Severity:
    containers = get_list(detail, "containers")
    reasons = " ".join([get_path(detail, "stoppedReason"), *(get_path(each, "reason") for each in containers)])
    if "OutOfMemory" in reasons or get_path(detail, "stopCode") == "TaskFailedToStart":
        return FAILURE
    codes = {get_path(each, "exitCode") for each in containers}
    if get_path(detail, "stopCode") == "EssentialContainerExited" and codes - {"0", ""}:
        return FAILURE
    if severity_of_text(reasons) == FAILURE:
        return FAILURE
    if get_path(detail, "stopCode") in {"SpotInterruption", "TerminationNotice"} or codes - ENDED_ON_REQUEST:
        return WARNING
    return INFORMATION


def _by_event_type(detail: dict[str, Any]) -> Severity:
    # The type INFO does not say how a deployment ended; the event's name does.
    by_type = severity_of_word(get_path(detail, "eventType"))
    return by_type if by_type != INFORMATION else severity_of_word(get_path(detail, "eventName"))


def _by_beanstalk(detail: dict[str, Any]) -> Severity:
    return worst([severity_of_word(get_path(detail, "Severity")), by_beanstalk_text(get_path(detail, "Message"))])


def by_beanstalk_text(text: str) -> Severity:
    """Return the severity of a Beanstalk message.

    If the message reports a change of status, only the new status counts.
    """
    became = re.search(r"(?:transitioned from \w+ to|set to) (\w+)", text)
    return severity_of_word(became[1]) if became else severity_of_text(text)


def _scaling(what: str, how: str) -> Kind:
    return Kind(
        title=f"Auto Scaling {{AutoScalingGroupName}}: {what.lower()} {how.lower()}",
        severity=lambda _: SCALING[how],
        text="StatusMessage|Cause",
        fields={"Instance": "EC2InstanceId", "Status": "StatusCode", "Description": "Description"},
        page="ec2/home?region={region}#AutoScalingGroupDetails:id={AutoScalingGroupName}",
    )


KINDS = {
    "ECS Task State Change": Kind(
        title="ECS task of {group}: {lastStatus:words}",
        severity=_by_task,
        text="stoppedReason",
        fields={
            "Stopped by": "stopCode",
            "Cluster": "clusterArn",
            "Task": "taskArn",
            "Stopped": "stoppedAt",
            "Definition": "taskDefinitionArn",
        },
        lists={"Containers": ("containers", "{name}: {lastStatus:words}, {exitCode:code} {reason}")},
        page="ecs/v2/clusters/{clusterArn:name}/tasks/{taskArn:name}?region={region}",
    ),
    "ECS Service Action": Kind(
        title="ECS service {@resources.0:name}: {eventName:words}",
        severity=_by_event_type,
        text="reason",
        fields={"Cluster": "clusterArn", "Capacity provider": "capacityProviderArns", "At": "createdAt"},
        page=SERVICE,
    ),
    "ECS Deployment State Change": Kind(
        title="ECS service {@resources.0:name}: {eventName:words}",
        severity=_by_event_type,
        text="reason",
        fields={"Deployment": "deploymentId", "At": "updatedAt"},
        page=SERVICE,
    ),
    "ECS Container Instance State Change": Kind(
        title="ECS container instance {ec2InstanceId}: {status:words}",
        severity=lambda detail: WARNING if get_path(detail, "agentConnected") == "false" else INFORMATION,
        fields={"Cluster": "clusterArn", "Agent connected": "agentConnected", "Why": "statusReason"},
        page="ecs/v2/clusters/{clusterArn:name}?region={region}",
    ),
    "Batch Job State Change": Kind(
        title="Batch job {jobName}: {status:words}",
        severity=lambda detail: severity_of_word(get_path(detail, "status")),
        text="statusReason",
        fields={
            "Queue": "jobQueue",
            "Exit code": "container.exitCode",
            "Container": "container.reason",
            "Job": "jobId",
        },
        page="batch/home?region={region}#jobs/detail/{jobId}",
    ),
    "Batch Job Queue Blocked": Kind(
        title="Batch job queue {jobQueue|@resources.0:name} is blocked",
        severity=lambda _: WARNING,
        text="statusReason|reason",
        page="batch/home?region={region}#queues",
    ),
    "Step Functions Execution Status Change": Kind(
        title="State machine {stateMachineArn:name}: {status:words}",
        text="cause",
        fields={"Error": "error", "Execution": "name"},
        page="states/home?region={region}#/v2/executions/details/{executionArn}",
        incident="{executionArn}",
    ),
    "Glue Job State Change": Kind(
        title="Glue job {jobName}: {state:words}",
        text="message",
        fields={"Run": "jobRunId"},
        page="gluestudio/home?region={region}#/job/{jobName}/run/{jobRunId}",
    ),
    "Glue Crawler State Change": Kind(
        title="Glue crawler {crawlerName}: {state:words}",
        text="errorMessage|message",
        page="glue/home?region={region}#/v2/data-catalog/crawlers/view/{crawlerName}",
    ),
    "EC2 Command Status-change Notification": Kind(
        title="Command {document-name}: {status:words}",
        fields={"Command": "command-id", "Requested": "requested-date-time", "Expires": "expire-after"},
        page="systems-manager/run-command/{command-id}?region={region}",
    ),
    "EC2 Command Invocation Status-change Notification": Kind(
        title="Command {document-name} on {instance-id}: {status:words}",
        fields={"Command": "command-id"},
        page="systems-manager/run-command/{command-id}?region={region}",
    ),
    "EC2 Automation Execution Status-change Notification": Kind(
        title="Automation {Definition}: {Status:words}",
        fields={"Execution": "ExecutionId", "Began": "StartTime", "By": "ExecutedBy"},
        page="systems-manager/automation/execution/{ExecutionId}?region={region}",
    ),
    "EC2 Instance State-change Notification": Kind(
        title="Instance {instance-id}: {state:words}",
        severity=lambda _: INFORMATION,
        page="ec2/home?region={region}#InstanceDetails:instanceId={instance-id}",
    ),
    "EC2 Spot Instance Interruption Warning": Kind(
        title="Spot instance {instance-id} will be interrupted: {instance-action:words}",
        severity=lambda _: WARNING,
        page="ec2/home?region={region}#InstanceDetails:instanceId={instance-id}",
    ),
    "EC2 Instance Rebalance Recommendation": Kind(
        title="Spot instance {instance-id} may be interrupted",
        severity=lambda _: WARNING,
        page="ec2/home?region={region}#InstanceDetails:instanceId={instance-id}",
    ),
    **{f"EC2 Instance {what} {how}": _scaling(what, how) for what in ("Launch", "Terminate") for how in SCALING},
    **dict.fromkeys(
        ("Elastic Beanstalk resource status change", "Health status change"),
        Kind(
            title="Beanstalk {EnvironmentName}: {Status:words}",
            text="Message",
            severity=_by_beanstalk,
            fields={"Application": "ApplicationName", "Severity": "Severity", "Resource": "ResourceName"},
            page="elasticbeanstalk/home?region={region}#/environments",
        ),
    ),
    "Lambda Function Invocation Result - Failure": Kind(
        title="{requestContext.functionArn:parent} failed, and Lambda gave up on the event",
        severity=lambda _: FAILURE,
        text="responsePayload.errorMessage",
        fields={"Error": "responsePayload.errorType", "Attempts": "requestContext.approximateInvokeCount"},
        page="lambda/home?region={region}#/functions/{requestContext.functionArn:parent}?tab=monitoring",
    ),
}
