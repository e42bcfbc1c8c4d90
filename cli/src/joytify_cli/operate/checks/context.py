"""Values that several checks share: the account, the secret, the rules, the functions' settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr

from joytify_cli.operate.checks.shapes import is_right
from joytify_cli.operate.findings import UnavailableError
from joytify_cli.operate.rules import Rule, find_rules
from joytify_cli.secret_store import read_stored
from joytify_cli.target import NOT_FOUND, FunctionName, Target
from joytify_cli.terminal import CommandError
from joytify_common.aws import aws_errors
from joytify_common.errors import JobError

T = TypeVar("T")

AWS, SECRET = "AWS does not answer", "the secret could not be read"


@dataclass
class Context:
    """Values that the checks share.

    Attributes:
        target: where the pipeline runs.
        digests: file with the image digests for Terraform.
        post: whether a message may be posted to Discord.
        at_the_end: closes what the checks opened.
        is_something_wrong: whether a check has found something wrong so far.
    """

    target: Target
    digests: Path
    post: bool = False
    at_the_end: ExitStack = field(default_factory=ExitStack)
    is_something_wrong: bool = False
    _missing: set[str] = field(default_factory=set)

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """The caller's identity, as AWS reports it."""
        with aws_errors("identity", "AWS"):
            answer: Mapping[str, Any] = self.target.client("sts").get_caller_identity()
        return answer

    def need_aws(self) -> None:
        """Return only if AWS answers.

        Raises:
            UnavailableError: AWS does not answer; the check of the identity reports why.
        """
        self.fetch_or_skip(AWS, lambda: self.identity)

    @cached_property
    def secret(self) -> Mapping[str, Any]:
        """The secret's keys and values."""
        self.need_aws()
        return read_stored(self.target).values

    def value(self, key: str) -> SecretStr:
        """Return the value of a key of the secret.

        Raises:
            UnavailableError: it is missing or has the wrong shape; another check reports it.
        """
        secret = self.fetch_or_skip(SECRET, lambda: self.secret)
        value = secret.get(key)
        if not isinstance(value, str) or not value:
            raise UnavailableError(f"the secret has no {key}")
        if not is_right(key, value):
            raise UnavailableError(f"{key} has the wrong shape")
        return SecretStr(value)

    def text(self, key: str, default: str) -> str:
        """Return a value of the secret that is not confidential; the default if it is missing or unreadable."""
        try:
            return str(self.fetch_or_skip(SECRET, lambda: self.secret).get(key) or default)
        except UnavailableError:
            return default

    def settings(self, function: FunctionName) -> Mapping[str, str]:
        """Return a function's environment variables.

        Raises:
            UnavailableError: the function cannot be read; the check of the functions reports why.
        """
        self.need_aws()
        return self.fetch_or_skip(
            f"function {function} could not be read", lambda: self.target.function_settings(function)
        )

    def function(self, function: FunctionName) -> Mapping[str, Any]:
        """Return Lambda's description of a function: `Configuration`, `Code` and `Concurrency`.

        Raises:
            ConfigError: the function does not exist, or access is denied.
            TransientError: Lambda could not be reached.
        """
        name = self.target.names.functions[function]
        with aws_errors(f"function {name}", "Lambda", not_found=NOT_FOUND):
            found: Mapping[str, Any] = self.target.client("lambda").get_function(FunctionName=name)
        return found

    @cached_property
    def rules(self) -> Sequence[Rule]:
        """The schedules' rules."""
        return find_rules(self.target)

    def is_scheduled(self, name: str) -> bool:
        """Return whether the function should run on a schedule.

        True unless Terraform disabled all of the function's production rules; also true if there are no such rules.

        A rule may start the function, or the state machine that divides cleanup among workers.
        """
        starts = {name, self.target.names.fan_out} if name == self.target.names.functions["cleanup"] else {name}
        rules = self.fetch_or_skip("the rules could not be read", lambda: self.rules)
        own = [rule for rule in rules if "production" in rule.modes and starts & rule.events.keys()]
        return not own or not all(rule.is_off_in_terraform for rule in own)

    def address(self, key: str) -> SecretStr:
        """Return an address in the secret, translated for this machine.

        The containers of `make up` use host names that resolve only on their own network.
        """
        value, stack = self.value(key), self.target.stack
        if stack is None or stack.way != "containers":
            return value
        inside, outside = {
            "MONGODB_CONNECTION_STRING": ("mongodb://mongodb:27017", stack.mongodb.partition("/?")[0]),
            "API_DOMAIN": ("http://backend:8001", stack.backend),
            "DISCORD_WEBHOOK_URL": ("http://discord:8002", stack.discord),
        }.get(key, ("", ""))
        return SecretStr(value.get_secret_value().replace(inside, outside))

    def fetch_and_report(self, what: str, find: Callable[[], T]) -> T:
        """Fetch a value; if this fails, remember the failure under `what`, and raise the error for the check to report.

        After an error, other checks that need the value are skipped without fetching it again.
        """
        try:
            return find()
        except (CommandError, JobError):
            self._missing.add(what)
            raise

    def fetch_or_skip(self, what: str, find: Callable[[], T]) -> T:
        """Fetch a value for a check that is skipped if this fails.

        Raises:
            UnavailableError: the value cannot be fetched; another check reports why.
        """
        if what in self._missing:
            raise UnavailableError(what)
        try:
            return self.fetch_and_report(what, find)
        except (CommandError, JobError):
            raise UnavailableError(what) from None
