"""The words by which AWS, MongoDB Atlas, monitoring tools and people say how bad something is."""

from __future__ import annotations

import re

from joytify_discord.embed import FAILURE, SUCCESS, WARNING


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Keys that hold a state, a result or a severity end with one of these, in any spelling: `scan-status`.
STATES = tuple(
    _words(
        "state status result severity level label eventtype statuscode compliancetype statevalue condition categories "
        "conclusion impact indicator outcome"
    )
)
# Keys that hold the name of an event.
NAMES = _words("eventname eventtype eventtypename changetype event detailtype type alerttype alerttypefriendlyname")
# Keys whose value may say that an incident is over. The keys added to NAMES here count only for this purpose, because a
# value such as `action: rollback` may only be a plan.
ENDING_NAMES = NAMES | _words("action messagetype trigger transition")
# Keys that hold an error.
ERRORS = _words("error errormessage errorcode")
ERROR_OBJECTS = _words("error errors")
# Keys with a yes-or-no value.
FALSE_IF_BAD = _words("success succeeded ok healthy passed")
TRUE_IF_BAD = _words("failed haserror haserrors isdown")
# Endings of keys that hold an error, and the values that mean that there is none.
ERROR_ENDS = ("errormessage", "errormsg", "failurereason", "failuremessage")
NO_ERROR = _words("NONE NULL 0 OK FALSE NO N NO_ERROR NOERROR") | {""}
# Endings of keys that hold a sentence.
SENTENCES = tuple(_words("message title subject summary description reason readable body details msg output"))
# Keys that do not describe the present state: for example a former or desired state, a request, the importance or the
# tags.
EARLIER = re.compile(
    r"old|previous|prior(?!ity)|last|configuration|desired|expected|target(?![-_]?health)|history|importance|urgency|tags?$"
    r"|request(?:payload|parameters)?$|action[-_]?status",
    re.IGNORECASE,
)

# States that mean success: something that was wrong has ended, or nothing was found.
CLOSED = _words(
    "RESOLVED ARCHIVED PASSED PASS CLOSED SUPPRESSED COMPLIANT NO_THREATS_FOUND CLEARED RECOVERED NOT_STALLED"
)
# An incident is over if its state is one of these.
OVER = _words("RESOLVED CLOSED RECOVERED CLEARED CLEAR")
# Keys that hold the present state of an incident or monitor: if the value means success, the incident is over, whatever
# the title says.
PRESENT_STATE = re.compile(r"(?:current|new|alert|incident|monitor|check)\w*(?:state|status)", re.IGNORECASE)
# An incident is over if its event's name begins or ends with one of these: `CLOSED_INSIGHT`, the action `Close`.
OVER_IN_NAME = OVER | _words("CLOSE RESOLVE RECOVERY")
INCIDENTS = _words("INCIDENT ALERT ALARM ISSUE INSIGHT PROBLEM FINDING MONITOR EVENT")
NEGATIONS = _words("NOT NO UN NEVER")
# Keys that say how important an incident is, not what state it is in.
LEVELS = ("severity", "level", "priority", "impact", "label")
# Words by severity. WORDS: the whole state; ENDS: the last word of a state, as in `UPDATE_FAILED`; PARTS: any word of a
# state.
WORDS = {
    FAILURE: _words(
        "FAIL FAULT CRITICAL HIGH SEVERE FATAL NON_COMPLIANT THREATS_FOUND PERMANENT ALARM RED FIRING FIRED DOWN "
        "STALLED INOPERABLE ALERTING MAJOR"
    ),
    WARNING: _words(
        "WARN MEDIUM MODERATE EXPIRED STOP STOPPING PARTIAL YELLOW SKIPPED OPEN SET TRIGGERED TRACKING INVESTIGATING "
        "MISSING IDENTIFIED NO_DATA NODATA"
    ),
    SUCCESS: _words("OK HEALTHY AVAILABLE GREEN UP") | CLOSED,
}
ENDS = {
    FAILURE: _words(
        "FAILED FAILING FAILURE FAILURES ERROR ERRORS ERRORED FAULTED ABORTED DENIED REJECTED UNHEALTHY IMPAIRED "
        "EXHAUSTED OUTAGE"
    ),
    WARNING: _words(
        "STOPPED CANCELLED CANCELED WARNING THROTTLED UNDELIVERABLE TERMINATED INCOMPLETE APPROVAL EXPIRATION "
        "TERMINATION INTERRUPTION RETIREMENT DELAY DELAYED SHUTDOWN"
    ),
    SUCCESS: _words("PASSING SUCCEEDED SUCCEED SUCCESS SUCCESSFUL COMPLETED COMPLETE"),
}
PARTS = {FAILURE: _words("ROLLBACK"), WARNING: _words("DEGRADED"), SUCCESS: _words("")}
TIMEOUTS = ("TIMED_OUT", "TIMEOUT", "TIMEDOUT")
# If DOWN follows one of these words, something was scaled down or ended in an orderly way.
ORDERLY_DOWN = _words("SCALE SCALED SCALING COOL COOLING SHUT SHUTTING")

# How people and tools begin what they write: `[FIRING:1] Disk`, `OK: "api-errors"`, `Violation - a user`.
LEADING_WORD = re.compile(
    r"^(?!\W{0,9}recovery of\b)[^\w\[]*(?:\[([a-z]+)[^\]]*\]|([A-Z]{2,})\b|([a-z]+)(?=\s*:|\s+-\s))", re.IGNORECASE
)
LEADING = {
    word: severity
    for severity, words in {
        FAILURE: "ALARM FIRING FIRED DOWN CRITICAL ERROR FAILED FAILURE FATAL PROBLEM OUTAGE EMERGENCY",
        WARNING: "WARNING WARN ALERT ALERTING TRIGGERED VIOLATION DEGRADED INSUFFICIENT",
        SUCCESS: "OK RESOLVED RECOVERED RECOVERY CLEARED FIXED UP PASSED",
    }.items()
    for word in words.split()
}
# `[api] [Up] 200 - OK`
BRACKETED = re.compile(r"\[[^\w\]]{0,9}([a-z]{2,20})(?::\d{1,6})?\]", re.IGNORECASE)
# A line of a text that states the state, as Grafana, Nagios and Zabbix write it.
STATE_LINE = re.compile(
    r"^[^\w\n]{0,20}(?:state|status)[ \t]{0,9}[:=][^\w\n]{0,20}([a-z][a-z_ ]{0,59})(?<! )[^\w\n]{0,20}$",
    re.IGNORECASE | re.MULTILINE,
)

BAD_IN_TEXT = re.compile(
    r"\b(?:failed|failing|failures?|fails|unsuccessful(?:ly)?|errors?|errored|severe|unhealthy|aborted|critical|fatal"
    r"|exceptions?|timed[ _]out|rejected|bounced|complaint|revoked|blocked|down|unable|unavailable|unreachable|outage"
    r"|impaired|inoperable|incompatible|corrupt(?:ed)?|crashed|abuse|exhausted|discarded)\b",
    re.IGNORECASE,
)
DOUBTFUL_IN_TEXT = re.compile(
    r"\b(?:expired|expiring|warnings?|degraded|interruption|issues|failover|full|firing|triggered|violations?"
    r"|breach(?:ed)?|anomal(?:y|ies)|stalled|stuck|deletion|rolled back|rollback|terminated|canceled|cancelled"
    r"|exceed(?:s|ed)?|without mfa|root (?:log-?in|sign-?in)|has stopped|out of compliance|shut ?down|attacks?"
    r"|brute force|starvation|suspicious|unauthorized|malware|lost)\b|\bno data (?:on|for|received)\b|\[no data\b",
    re.IGNORECASE,
)
GOOD_IN_TEXT = re.compile(r"\b(?:successful(?:ly)?|succeed(?:ed)?|(?:is|are) passing)\b", re.IGNORECASE)
# These words mean a warning, but a harmless notice may contain them too, so a state line and all other words of failure
# or warning take precedence.
NOTICE_IN_TEXT = re.compile(r"\b(?:alerts?|alarms?)\b", re.IGNORECASE)
# Phrases that do not count: a negated word ("no errors"), or words that mean something else in
# combination ("scale down").
IGNORED_PHRASES = re.compile(
    r"\b(?:no|not|0|zero|without(?: any)?)\s+(?:\w+\s+)?(?:failed|failures?|errors?|issues|warnings?|alarms?|alerts?)\b"
    r"|\b(?:errors?|failures?|failed|warnings?|issues)\s*[:=]\s*0\b"
    r"|\b(?:previous|prior|earlier|former|old|last)\s+(?:state|status)\W{1,3}\w+"
    r"|\b(?:scal(?:e|ed|ing)|cool(?:ed|ing)?)[ -]?down\b|\bno data (?:was|were|is|has been) lost\b"
    r"|\berror budget\b",
    re.IGNORECASE,
)
NOT_GOOD = re.compile(
    r"\b(?:not|never|(?:was|is|has|did)n.t|no longer)\s+(?:\w+\s+)?"
    r"(?:successful(?:ly)?|succeed(?:ed)?|complete[d]?|available|reachable|healthy|responding|recovered|working"
    r"|operat(?:es|ing))\b",
    re.IGNORECASE,
)
RECOVERED = re.compile(
    r"\b(?:(?:has|have|is|are)\s+(?:now\s+)?(?:recovered|resolved|restored|cleared)"
    r"|(?:has|have)\s+been\s+(?:resolved|cleared|fixed)|is over(?=[.!,;]|$)|operat(?:es|ing) normally"
    r"|is (?:now )?up|back (?:to normal|online|up)|returned to (?:normal|ok)|recovered from)\b",
    re.IGNORECASE,
)
