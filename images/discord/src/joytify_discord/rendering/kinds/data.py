"""Events of databases, volumes, buckets and backups.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-cloud-watch-events.sample.html
https://docs.aws.amazon.com/dms/latest/userguide/CHAP_EventBridge.html
https://docs.aws.amazon.com/ebs/latest/userguide/ebs-cloud-watch-events.html
https://docs.aws.amazon.com/aws-backup/latest/devguide/eventbridge.html
"""

from __future__ import annotations

import re
from typing import Any

from joytify_discord.embed import FAILURE, INFORMATION, WARNING, Severity
from joytify_discord.rendering.json_values import get_list, get_path
from joytify_discord.rendering.kinds.kind import Kind
from joytify_discord.rendering.severity import severity_of_text, severity_of_word, worst

# Event categories that an operator must look at: low storage, failures, failovers, recoveries.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
RDS_CATEGORIES = {"failure": FAILURE, "low storage": FAILURE, "failover": WARNING, "recovery": WARNING}


def by_rds(detail: dict[str, Any]) -> Severity:
    """Return the severity of an RDS event, by its categories and its words."""
    categories = [str(category).lower() for category in get_list(detail, "EventCategories")]
    by_category = [RDS_CATEGORIES.get(category, INFORMATION) for category in categories]
    return worst([by_rds_text(get_path(detail, "Message")), *by_category])


def by_rds_text(text: str) -> Severity:
    """Return the severity of a message of a database service, by its words."""
    low = re.search(r"\b(?:low|full|exhausted)\b|out of storage|maximum storage", text, re.IGNORECASE)
    return worst([severity_of_text(text), FAILURE if low and "storage" in text.lower() else INFORMATION])


def _rds(what: str, anchor: str) -> Kind:
    return Kind(
        title=f"RDS {what} {{SourceIdentifier}}: {{Message}}",
        severity=by_rds,
        fields={"Source": "SourceIdentifier", "Category": "EventCategories", "Event": "EventID", "At": "Date"},
        page="rds/home?region={region}#" + anchor,
    )


def _backup(what: str) -> Kind:
    return Kind(
        title=f"{what} {{state|status:words}}: {{resourceType}} {{resourceArn:name}}",
        severity=lambda detail: severity_of_word(get_path(detail, "state") or get_path(detail, "status")),
        text="statusMessage",
        fields={
            "Vault": "backupVaultName|destinationBackupVaultArn",
            "Resource": "resourceArn",
            "Bytes": "backupSizeInBytes",
            "Began": "creationDate",
            "Job": "backupJobId|restoreJobId|copyJobId",
        },
        page="backup/home?region={region}#/jobs",
    )


KINDS = {
    "RDS DB Instance Event": _rds("instance", "database:id={SourceIdentifier};is-cluster=false"),
    "RDS DB Cluster Event": _rds("cluster", "database:id={SourceIdentifier};is-cluster=true"),
    "RDS DB Snapshot Event": _rds("snapshot", "db-snapshot:id={SourceIdentifier}"),
    "RDS DB Cluster Snapshot Event": _rds("snapshot", "db-snapshot:id={SourceIdentifier}"),
    "RDS DB Parameter Group Event": _rds("parameter group", "parameter-groups:"),
    **{
        f"DMS Replication {what} State Change": Kind(
            title="DMS {@resources.0:name}: {eventType:words}",
            severity=lambda detail: severity_of_word(get_path(detail, "eventType")),
            text="detailMessage",
            fields={"Category": "category", "Event": "eventId", "More": "resourceLink"},
            page="dms/v2/home?region={region}#tasks",
        )
        for what in ("Task", "Instance")
    },
    "EBS Snapshot Notification": Kind(
        title="EBS {event} {result:words}: {snapshot_id:name}",
        severity=lambda detail: severity_of_word(get_path(detail, "result")),
        text="cause",
        fields={"Volume": "source", "Began": "startTime", "Ended": "endTime"},
        page="ec2/home?region={region}#SnapshotDetails:snapshotId={snapshot_id:name}",
    ),
    "EBS Volume Notification": Kind(
        title="EBS {event} {result:words}: {@resources.0:name}",
        severity=lambda detail: severity_of_word(get_path(detail, "result")),
        text="cause",
        page="ec2/home?region={region}#Volumes:",
    ),
    "Backup Job State Change": _backup("Backup"),
    "Restore Job State Change": _backup("Restore"),
    "Copy Job State Change": _backup("Backup copy"),
    "Object Created": Kind(
        title="{bucket.name}: {object.key} was created",
        severity=lambda _: INFORMATION,
        fields={"Bytes": "object.size", "By": "requester", "Reason": "reason"},
        page="s3/object/{bucket.name}?region={region}&prefix={object.key}",
    ),
    "Object Deleted": Kind(
        title="{bucket.name}: {object.key} was deleted",
        severity=lambda _: INFORMATION,
        fields={"By": "requester", "Reason": "reason", "How": "deletion-type"},
        page="s3/buckets/{bucket.name}?region={region}",
    ),
}
