"""The severity of messages, most of unknown kinds; the samples have publicly documented shapes and made-up values."""

from __future__ import annotations

import json
import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from factories import sns_event

from joytify_discord.embed import FAILURE, INFORMATION, PARTIAL, SUCCESS, WARNING, Severity
from joytify_discord.envelopes import parse_event
from joytify_discord.rendering.dispatch import render
from joytify_discord.rendering.severity import severity_of, severity_of_text

BAD, CALM, GOOD = {FAILURE.color, WARNING.color}, {SUCCESS.color, INFORMATION.color}, {SUCCESS.color}
PLAIN = {INFORMATION.color}


def event(kind: str, **detail: Any) -> dict[str, Any]:
    return {"detail-type": kind, "source": "aws.made-up", "detail": detail, "account": "111122223333"}


MESSAGES: dict[str, tuple[Any, set[int]]] = {
    "grafana firing": ({"status": "firing", "alerts": [{"status": "firing"}], "title": "[FIRING:1] CPU"}, BAD),
    "grafana resolved": ({"status": "resolved", "alerts": [{"status": "resolved"}], "title": "[RESOLVED] CPU"}, GOOD),
    "alertmanager text": ("[FIRING:2] InstanceDown (prod)", BAD),
    "zabbix problem": ("PROBLEM: Free disk space is less than 20% on volume /", BAD),
    "zabbix ok": ("OK: Free disk space is less than 20% on volume /", CALM),
    "nagios down": ("** PROBLEM Host Alert: web-1 is DOWN **", BAD),
    "nagios up": ("** RECOVERY Host Alert: web-1 is UP **", CALM),
    "uptime down": ("Monitor is DOWN: shop (https://shop.example) - Reason: Connection Timeout", BAD),
    "uptime up": ("Monitor is UP: shop (https://shop.example). It was down for 3 minutes", CALM),
    "datadog triggered": ({"alert_type": "error", "title": "[Triggered] High latency", "event": "triggered"}, BAD),
    "datadog recovered": ({"alert_type": "success", "title": "[Recovered] High latency"}, GOOD),
    "sentry": ({"level": "fatal", "event": "issue", "message": "KeyError: 'sum'"}, BAD),
    "new relic closed": ({"current_state": "closed", "condition_name": "Error rate", "severity": "CRITICAL"}, GOOD),
    "new relic open": ({"current_state": "open", "condition_name": "Apdex"}, BAD),
    "azure fired": ({"schemaId": "x", "data": {"essentials": {"monitorCondition": "Fired", "severity": "Sev1"}}}, BAD),
    "gcp open": ({"incident": {"state": "open", "policy_name": "CPU", "summary": "CPU is above 0.8"}}, BAD),
    "gcp closed": ({"incident": {"state": "closed", "policy_name": "CPU"}}, GOOD),
    "jenkins broken": ("shop - Build # 12 - Still Failing!", BAD),
    "jenkins fixed": ("shop - Build # 13 - Fixed!", CALM),
    "github failure": ({"action": "completed", "workflow_run": {"conclusion": "failure", "name": "CI"}}, BAD),
    "github success": ({"action": "completed", "workflow_run": {"conclusion": "success", "name": "CI"}}, CALM),
    "dms task": (event("DMS Replication Task State Change", eventType="REPLICATION_TASK_FAILED"), BAD),
    "glue": (event("Glue Job State Change", jobName="etl", state="TIMEOUT"), BAD),
    "batch": (event("Batch Job State Change", jobName="etl", status="SUCCEEDED"), GOOD),
    "ecs deployment": (
        event("ECS Deployment State Change", eventName="SERVICE_DEPLOYMENT_FAILED", eventType="ERROR"),
        BAD,
    ),
    "ecs steady": (event("ECS Service Action", eventName="SERVICE_STEADY_STATE", eventType="INFO"), CALM),
    "spot": (event("EC2 Spot Instance Interruption Warning", **{"instance-id": "i-1"}), BAD),
    "ec2 running": (
        event("EC2 Instance State-change Notification", **{"instance-id": "i-1", "state": "running"}),
        CALM,
    ),
    "access analyzer": (event("Access Analyzer Finding", status="ACTIVE", isPublic=True), CALM | BAD),
    "trusted advisor": (event("Trusted Advisor Check Item Refresh Notification", status="ERROR"), BAD),
    "datasync": (event("DataSync Task Execution State Change", State="ERROR"), BAD),
    "transfer": (event("SFTP Server File Upload Failed", username="bob"), BAD),
    "mwaa": ("Airflow task etl.load succeeded", GOOD),
    "stack set": (
        event("CloudFormation StackSet Operation Status Change", **{"status-details": {"status": "FAILED"}}),
        BAD,
    ),
    "maintenance window": (event("Maintenance Window State-change", status="TIMED_OUT"), BAD),
    "maintenance window well": (
        event("Maintenance Window State-change", status="SUCCESS"),
        GOOD,
    ),
    "dead man": ("Cron job backup did not complete in time", BAD),
    "nothing wrong": ("Backup finished: 0 errors, 0 warnings", CALM),
    "errors zero": ("Import done. Errors: 0. Rows: 5,000", CALM),
    "no longer": ("The queue is no longer stuck: recovered from the incident", CALM),
    "not healthy": ("Target 10.0.0.7 is not healthy", BAD),
    "certificate": ("Your certificate for shop.example is expiring in 7 days", BAD),
    "news": ("Version 1.4.2 of shop was deployed by ann", PLAIN),
    "digest": ("Weekly report: 12 users signed up", PLAIN),
    "one key": ({"ElastiCache:CacheNodeReplaceComplete": "shop"}, CALM),
    "one bad key": ({"ElastiCache:CacheNodesRebootFailed": "shop"}, BAD),
    "old state": ({"state": "OK", "previousState": "ALARM", "name": "api"}, GOOD),
    "sentence in an unknown key": ({"friendlyMessage": "Checkout is down: 503 from 3 places", "site": "shop"}, BAD),
    "sentence of good news": ({"monitorMessage": "Checkout has recovered", "site": "shop"}, GOOD),
    "life cycle": ({"incident": {"name": "Slow searches", "status": "investigating", "impact": "minor"}}, BAD),
    "outage": ({"component": {"name": "API", "status": "partial_outage"}}, BAD),
    "degraded": ({"component": {"name": "API", "status": "degraded_performance"}}, BAD),
    "closed whose title names the fault": ({"state": "closed", "title": "Queue failed to drain"}, GOOD),
    "an action that closes": ({"action": "Close", "alert": {"message": "Disk full", "priority": "P2"}}, GOOD),
    "an event that resolves": ({"event": {"event_type": "incident.resolved", "data": {"title": "DB Down"}}}, GOOD),
    "errored": ({"run_status": "errored", "run_message": "merge the new bucket"}, BAD),
    "atlas event": ({"eventTypeName": "MONGOS_DOWN", "clusterName": "shop", "groupId": "5f0"}, BAD),
    "atlas tracking": ({"eventTypeName": "OUTSIDE_METRIC_THRESHOLD", "status": "TRACKING"}, BAD),
    "scaled down": (event("Shop Workers Changed", action="scaleDown", workers=2), CALM),
    "state line good": ("State: ok\nDisk alert of web-1", GOOD),
    "state line bad": ("Status: CRITICAL\nDisk of web-1", BAD),
    "no data": ("[No Data] Replication lag of shop", BAD),
    "material expires": (event("Signing Key Expiration", keyId="k-1"), BAD),
    "error under a longer key": (event("Pod Drain Ended", drainErrorMessage="cannot evict web-1"), BAD),
    "failed though a part is closed": ({"message": "Nightly backup failed", "ticket": {"status": "closed"}}, BAD),
    "failed though a step passed": ({"subject": "Release failed", "steps": [{"status": "passed"}]}, BAD),
    "not resolved": ({"eventType": "INCIDENT_NOT_RESOLVED", "severity": "CRITICAL"}, BAD),
    "a closed connection": ({"event": "database.connection.closed", "error": "ECONNRESET"}, BAD),
    "close denied": ({"eventName": "CloseAccount", "errorCode": "AccessDenied"}, BAD),
    "close failed": ({"action": "close", "status": "FAILED"}, BAD),
    "good line, bad text": ("Night job\nStatus: Completed\nFailed: 12 of 40 files", BAD),
    "two hosts": ("Host a\nState: OK\n\nHost b\nState: CRITICAL", BAD),
    "a successful attack": ("Intrusion alert: successful brute force attack on web-1", BAD),
    "complete, but lost": ("Backup of shop is complete, 3 volumes were lost", BAD),
    "count down to zero": ("Healthy host count down to 0 in target group web", BAD),
    "stepped down": ("Primary of shop stepped down, no replica can be elected", BAD),
    "no data lost": ("The switch is done. No data was lost", PLAIN),
    "configured reaction to errors": ({"status": "SUCCEEDED", "onError": "continue", "stopOnError": "true"}, GOOD),
    "planned action": ({"status": "SUCCEEDED", "action": "rollback", "trigger": "OnFailure"}, GOOD),
    "former title": ({"status": "SUCCEEDED", "previous": {"title": "DB is down"}}, GOOD),
    "a request that was retried": ({"status": "SUCCEEDED", "request": {"note": "x"}, "attempts": 2}, GOOD),
    "check whose output fails": ({"check": "disk", "status": 2, "output": "ERROR: 97% used"}, BAD),
    "uptime monitor with msg": ({"heartbeat": {"status": 0}, "msg": "[shop] the page is down"}, BAD),
    "missed check-in": ({"check_in": {"name": "backup", "state": "missing"}}, BAD),
    "outcome of a pipeline": ({"run": "r1", "outcome": "failed"}, BAD),
    "health of a target": ({"target_health": {"state": "unhealthy"}}, BAD),
    "exit code": ({"task": "t1", "exitCode": 137}, BAD),
    "exit code 0": ({"task": "t1", "exitCode": 0}, PLAIN),
    "errors in a list": ({"job": "j1", "errors": [{"row": 1}]}, BAD),
    "no errors in a list": ({"job": "j1", "errors": []}, PLAIN),
    "healthy is false": ({"host": "h1", "healthy": False}, BAD),
    "monitor up again": ({"current_state": "UP", "previous_state": "DOWN", "importance_level": "HIGH"}, GOOD),
    "alert clear": ({"alertstatus": "clear", "level": "critical", "host": "h1"}, GOOD),
    "state of a service beside its severity": ({"service": "OK", "severity": "CRITICAL"}, BAD),
    "recovery as a type": ({"message_type": "RECOVERY", "entity": "disk"}, GOOD),
    "resolved in a sentence": ("The elevated error rates in eu-west-1 have been resolved.", GOOD),
    "not resolved in a sentence": ("The errors have not been resolved.", BAD),
    "over budget": ("The account is over budget", CALM),
    "second bracket": ("[api] [Up] 200 - OK", GOOD),
    "tags of a resource": ({"kind": "instance", "tags": {"level": "critical"}}, PLAIN),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_gets_a_plausible_severity(name: str) -> None:
    message, looks = MESSAGES[name]
    text = message if isinstance(message, str) else json.dumps(message)

    (received,) = parse_event(sns_event(text))

    assert render(received, ZoneInfo("UTC")).severity.color in looks


def test_each_series_of_an_alarm_is_an_incident_of_its_own() -> None:
    alarm = {"AlarmName": "throttled", "AlarmArn": "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:throttled"}
    series = [{**alarm, "NewStateValue": "ALARM", "AlarmContributorAttributes": {"Table": name}} for name in "ab"]
    embeds = [render(one, ZoneInfo("UTC")) for one in parse_event(sns_event(*map(json.dumps, series)))]

    assert [embed.title[2:].strip() for embed in embeds] == ["Alarm: throttled (Table a)", "Alarm: throttled (Table b)"]
    assert embeds[0].incidents.names != embeds[1].incidents.names
    assert PARTIAL.color not in {embed.severity.color for embed in embeds}


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (severity_of({"scan-status": "FAILED"}), "state: FAILED"),
        (severity_of({"errorMessage": "disk full"}), "error: errorMessage"),
        (severity_of({"state": "resolved", "severity": "HIGH"}), "state: resolved"),
        (severity_of_text("OK: error rate"), "leading word: OK"),
        (severity_of_text("The job was not successful"), "negation: not successful"),
        (severity_of_text("The service has recovered"), "recovery: has recovered"),
        (severity_of_text("a disk is full"), "word: full"),
    ],
)
def test_the_reason_names_the_rule_that_decided(found: Severity, reason: str) -> None:
    assert found.reason == reason


@pytest.mark.parametrize(
    ("message", "title"),
    [
        (
            {"payload": {"humanReadable": "Disk is 91 % full. See the page.", "clusterName": "shop"}},
            "Disk is 91 % full.",
        ),
        ({"eventTypeName": "NO_PRIMARY", "clusterName": "shop"}, "NO_PRIMARY (shop)"),
        ("State: ok\nQueue length of web-1", "Queue length of web-1"),
        (event("Lab Test Ended", testName="load-1", status="FAILED"), "Lab Test Ended: load-1, failed"),
        ({"a": {"b": {"title": "deep enough"}}}, "deep enough"),
        ({"count": 3}, "Message"),
        ({"username": "bob", "error": "the payment queue exploded"}, "the payment queue exploded"),
    ],
)
def test_the_title_of_an_unknown_message_says_what_it_is_about(message: Any, title: str) -> None:
    text = message if isinstance(message, str) else json.dumps(message)

    (received,) = parse_event(sns_event(text))

    assert render(received, ZoneInfo("UTC")).title.partition(" ")[2].strip() == title


@pytest.mark.parametrize("text", ["state:" + " " * 1900 + "1", "status" + "=" * 1900, "state: " + "a " * 900 + "!x"])
def test_processing_time_is_linear_in_the_length_of_a_line(text: str) -> None:
    began = time.process_time()

    for _ in range(20):
        severity_of_text(text)
        (received,) = parse_event(sns_event(text * 5))
        render(received, ZoneInfo("UTC"))

    # Quadratic time would take minutes.
    assert time.process_time() - began < 10
