"""Events of builds, deployments and infrastructure as code.

https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications.html
https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/eventbridge-events.html
"""

from __future__ import annotations

from typing import Any

from joytify_discord.embed import INFORMATION, WARNING, Severity
from joytify_discord.rendering.json_values import get_path
from joytify_discord.rendering.kinds.kind import Kind
from joytify_discord.rendering.severity import severity_of_word

PIPELINE = "codesuite/codepipeline/pipelines/{pipeline}/view?region={region}"


def _by_approval(detail: dict[str, Any]) -> Severity:
    # An approval that is waiting needs a person.
    is_waiting = get_path(detail, "type.category") == "Approval" and get_path(detail, "state") == "STARTED"
    return WARNING if is_waiting else severity_of_word(get_path(detail, "state"))


KINDS = {
    "CodeBuild Build State Change": Kind(
        title="Build {project-name}: {build-status:words}",
        severity=lambda detail: severity_of_word(get_path(detail, "build-status")),
        fields={
            "Started by": "additional-information.initiator",
            "Branch": "additional-information.source-version",
            "Began": "additional-information.build-start-time",
            "Build": "build-id",
        },
        lists={
            "Failed phase": (
                "additional-information.phases?phase-status=FAILED,FAULT,TIMED_OUT,CLIENT_ERROR",
                "{phase-type:words}: {phase-context}",
            )
        },
        link="additional-information.logs.deep-link",
        page="codesuite/codebuild/projects/{project-name}/history?region={region}",
    ),
    "CodeBuild Build Phase Change": Kind(
        title="Build {project-name}: {completed-phase:words} {completed-phase-status:words}",
        severity=lambda detail: severity_of_word(get_path(detail, "completed-phase-status")),
        text="completed-phase-context",
        fields={"Build": "build-id"},
        page="codesuite/codebuild/projects/{project-name}/history?region={region}",
    ),
    "CodePipeline Pipeline Execution State Change": Kind(
        title="Pipeline {pipeline}: {state:words}",
        text="additionalAttributes.failedActions.0.additionalInformation",
        fields={"Failed stage": "additionalAttributes.failedStage", "Execution": "execution-id"},
        page=PIPELINE,
        incident="{execution-id}",
    ),
    "CodePipeline Stage Execution State Change": Kind(
        title="Pipeline {pipeline}: stage {stage} {state:words}",
        fields={"Execution": "execution-id"},
        page=PIPELINE,
    ),
    "CodePipeline Action Execution State Change": Kind(
        title="Pipeline {pipeline}: {action} {state:words}",
        severity=_by_approval,
        text="execution-result.external-execution-summary",
        fields={
            "Stage": "stage",
            "Kind": "type.category",
            "Error": "execution-result.error-code",
            "Execution": "execution-id",
        },
        page=PIPELINE,
    ),
    "CodeDeploy Deployment State-change Notification": Kind(
        title="Deployment of {application}: {state:words}",
        fields={"Group": "deploymentGroup", "Deployment": "deploymentId"},
        page="codesuite/codedeploy/deployments/{deploymentId}?region={region}",
    ),
    "CodeDeploy Instance State-change Notification": Kind(
        title="Deployment of {application}: instance {instanceId:name} {state:words}",
        fields={"Group": "deploymentGroup", "Deployment": "deploymentId"},
        page="codesuite/codedeploy/deployments/{deploymentId}?region={region}",
    ),
    "CodeCommit Repository State Change": Kind(
        title="{repositoryName}: {event} {referenceType} {referenceName}",
        severity=lambda _: INFORMATION,
        fields={"Commit": "commitId", "By": "callerUserArn"},
        page="codesuite/codecommit/repositories/{repositoryName}/browse?region={region}",
    ),
    "CodeCommit Pull Request State Change": Kind(
        title="{title}: {event} ({pullRequestStatus:words})",
        severity=lambda _: INFORMATION,
        text="notificationBody",
        fields={
            "Repository": "repositoryNames",
            "From": "sourceReference",
            "Into": "destinationReference",
            "By": "callerUserArn",
        },
        page="codesuite/codecommit/repositories/{repositoryNames.0}/pull-requests/{pullRequestId}?region={region}",
    ),
    "CloudFormation Stack Status Change": Kind(
        title="Stack {stack-id:parent}: {status-details.status:words}",
        text="status-details.status-reason",
        page="cloudformation/home?region={region}#/stacks/stackinfo?stackId={stack-id}",
    ),
    "CloudFormation Resource Status Change": Kind(
        title="Stack {stack-id:parent}: {logical-resource-id} {status-details.status:words}",
        text="status-details.status-reason",
        fields={"Type": "resource-type", "Resource": "physical-resource-id"},
        page="cloudformation/home?region={region}#/stacks/events?stackId={stack-id}",
    ),
    "CloudFormation Drift Detection Status Change": Kind(
        title="Stack {stack-id:parent}: drift {status-details.stack-drift-status:words}",
        severity=lambda detail: (
            WARNING if get_path(detail, "status-details.stack-drift-status") == "DRIFTED" else INFORMATION
        ),
        page="cloudformation/home?region={region}#/stacks/drifts?stackId={stack-id}",
    ),
}
