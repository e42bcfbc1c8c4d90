"""Render notifications of Amazon SES about sent mail.

https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
"""

from __future__ import annotations

from typing import Any

from joytify_discord.aws_notation import Place, place_of
from joytify_discord.embed import FAILURE, INFORMATION, WARNING
from joytify_discord.parsing import Origin
from joytify_discord.rendering.draft import Draft, listed
from joytify_discord.rendering.json_values import get_list, get_path, select_fields
from joytify_discord.rendering.kinds.kind import words
from joytify_discord.rendering.links import page


def ses(value: dict[str, Any], origin: Origin) -> Draft:
    """Return the draft for a bounce, a complaint, a delivery or another event of one mail."""
    kind = get_path(value, "notificationType") or get_path(value, "eventType")
    bounce, complaint = get_path(value, "bounce.bounceType"), get_path(value, "complaint.complaintFeedbackType")
    severity = INFORMATION
    if kind in {"Bounce", "Complaint", "Reject", "Rendering Failure"}:
        severity = WARNING if bounce in {"Transient", "Undetermined"} else FAILURE
    if kind == "DeliveryDelay":
        severity = WARNING
    recipients = [
        get_path(each, "emailAddress")
        for path in ("bounce.bouncedRecipients", "complaint.complainedRecipients")
        for each in get_list(value, path)
    ] or [str(each) for each in get_list(value, "mail.destination")]
    fields = {
        "From": "mail.source",
        "Subject": "mail.commonHeaders.subject",
        "Why": "bounce.bouncedRecipients.0.diagnosticCode|bounce.bounceSubType|reject.reason|failure.errorMessage"
        "|deliveryDelay.delayedRecipients.0.diagnosticCode|deliveryDelay.delayType",
        "Template": "failure.templateName",
        "At": "bounce.timestamp|complaint.timestamp|mail.timestamp",
    }
    place = place_of(get_path(value, "mail.sourceArn")) or origin.place
    what = ", ".join(filter(None, (bounce, complaint))).lower()
    return Draft(
        severity=severity,
        title=f"Mail {words(kind)}{f' ({what})' if what else ''}: {listed(recipients, ', ')}",
        fields=list(select_fields(value, fields)),
        url=page(place, "ses/home?region={region}#/account"),
        place=Place(place.region, get_path(value, "mail.sendingAccountId")),
    )
