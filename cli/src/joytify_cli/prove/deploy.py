"""`joytify deploy-local`: apply the configuration in terraform/ to a local AWS, and run the month end there."""

from __future__ import annotations

import json
import subprocess
import time

import typer

from joytify_cli.docker import DockerError, bridge_address
from joytify_cli.operate.push import PushError, digests_file, push_images, write_digests
from joytify_cli.prove.demo import DemoError, month_end
from joytify_cli.prove.deploy_checks import (
    aws,
    check_alarm_is_posted,
    check_archive,
    check_functions,
    check_second_plan,
    empty_bucket,
    report,
    try_second_environment,
    upgrade,
    wait_for_schedule,
)
from joytify_cli.prove.deployment import DATABASE, FOLDER, Deployment
from joytify_cli.prove.terraform import TerraformError
from joytify_cli.terminal import INTERRUPTED, console, fail
from joytify_common.mongo import Document
from joytify_local.aws import ACCOUNT, FUNCTIONS, Wiring
from joytify_local.processes import StartError
from joytify_local.stack import load_deployed_stack, load_stack, start_for_deployment

USERS, PLAYBACKS_PER_USER = 1000, 200
EXPECTED = (DemoError, PushError, DockerError, StartError, TerraformError, subprocess.CalledProcessError)


# Written after the bootstrap and the pipeline have been applied and checked, before the upgrade; without this file,
# `destroy_local` only stops the stack, since Terraform could not destroy an incomplete deployment.
COMPLETE = FOLDER / "complete"


def deploy_local() -> None:
    """Deploy to a local AWS that enforces IAM, as to a real account, and leave it running."""
    try:
        if (left := load_deployed_stack()) is not None:
            _stop(Deployment(left))
        deployment, result = _deploy()
        upgrade(deployment)
        # The rule that `upgrade` has just created fires in the meantime.
        try_second_environment(deployment)
        wait_for_schedule(deployment.stack)
    except KeyboardInterrupt:
        fail("interrupted; `make destroy-local` stops the local AWS", INTERRUPTED)
    except Exception as exc:  # noqa: BLE001 - reported, whatever it is
        _fail("deploy-local", exc)
    console.print(
        f"Running until `make destroy-local`. In a separate shell: `source {FOLDER}/env.sh`, then `aws ...` and "
        f"`terraform -chdir={FOLDER}/terraform ...`. Discord's page {deployment.stack.discord}, "
        f"registry {deployment.stack.registry}",
        soft_wrap=True,
    )
    if (other := load_stack()) is not None and other.way != "deployed":
        console.print(f"`joytify` works on the {other.way} stack recorded earlier until `make down` removes it")
    console.print(
        f"deploy-local: ok {result}",
        style="bold green",
        soft_wrap=True,
    )


def destroy_local() -> None:
    """Destroy the deployment of `deploy-local`; exit 1 if any resource remains."""
    try:
        if (stack := load_deployed_stack()) is None:
            console.print("destroy-local: no deployed stack is recorded")
            return
        deployment = Deployment(stack)
        if not COMPLETE.exists():
            _stop(deployment)
            console.print("destroy-local: ok, the incomplete deployment is stopped", style="bold green")
            return
        destroyed = _destroy(deployment)
    except Exception as exc:  # noqa: BLE001 - reported, whatever it is
        _fail("destroy-local", exc)
    console.print(f"destroy-local: ok {destroyed} resources destroyed, nothing left", style="bold green")


def _fail(what: str, exc: BaseException) -> None:
    why = str(exc) or type(exc).__name__
    if isinstance(exc, subprocess.CalledProcessError):
        why = f"{why} {exc.stderr or ''}"
    if not isinstance(exc, EXPECTED):
        console.print_exception()
        why = f"{type(exc).__name__}: {why}"
    # On one line, since the last line of the output must give the reason.
    console.print(f"{what}: FAILED {' '.join(why.split())}", style="bold red", soft_wrap=True)
    raise typer.Exit(1) from None


def _deploy() -> tuple[Deployment, str]:
    began = time.monotonic()
    COMPLETE.unlink(missing_ok=True)
    stack = start_for_deployment(DATABASE, host=bridge_address())
    stack.save()
    deployment = Deployment(stack)
    deployment.prepare()
    resources = _apply(deployment)
    outcome = month_end(stack, USERS, PLAYBACKS_PER_USER, lambda: _invoke_as_an_operator(deployment))
    report(f"month end: {outcome}")
    check_archive(deployment)
    check_functions(deployment, memory=1024)
    check_alarm_is_posted(deployment)
    gaps = check_second_plan(deployment)
    COMPLETE.touch()
    return deployment, (
        f"{resources} resources applied with IAM enforced, in {time.monotonic() - began:.0f} s; {outcome}; second "
        f"plan: only {gaps} metric alarms would change"
    )


def _apply(deployment: Deployment) -> int:
    began = time.monotonic()
    bootstrap = deployment.workspace.apply_bootstrap()
    report(f"bootstrap: {bootstrap} resources in {time.monotonic() - began:.0f} s")
    _push(deployment)
    began = time.monotonic()
    deployment.workspace.init_root("prod")
    root = deployment.root.apply()
    report(f"pipeline: {root} resources in {time.monotonic() - began:.0f} s")
    stack = deployment.stack
    values = Wiring(
        endpoint=stack.aws, mongodb=stack.mongodb, backend=stack.backend, discord=stack.discord, database=DATABASE
    ).secret()
    secret = deployment.root.output("secret_name")
    stack.client("secretsmanager").put_secret_value(SecretId=secret, SecretString=json.dumps(values))
    return bootstrap + root


def _push(deployment: Deployment) -> None:
    registry = deployment.stack.registry
    digests = push_images(registry, "joytify", environment="dev", allow_uncommitted=True)
    for environment in ("prod", "dev"):
        write_digests(digests_file(environment, FOLDER / "terraform"), digests, registry)
    report(f"pushed to {registry}")


def _invoke_as_an_operator(deployment: Deployment) -> Document:
    answer = FOLDER / "response.json"
    output = aws(deployment, "lambda", "invoke", "--function-name", FUNCTIONS["stats"], "--payload", "{}", str(answer))
    payload: Document = json.loads(answer.read_text(encoding="utf-8"))
    if "FunctionError" in output:
        raise DemoError(f"stats failed: {payload.get('errorMessage')}")
    return payload


def _stop(deployment: Deployment) -> None:
    """Stop the local AWS, and with it everything that Terraform created there; remove the images."""
    deployment.stack.stop()
    deployment.remove_images()


def _destroy(deployment: Deployment) -> int:
    try:
        # The name is written out: after a destroy that failed on the bucket, Terraform has no outputs.
        empty_bucket(deployment, f"joytify-archive-{ACCOUNT}")
        destroyed = deployment.root.destroy() + _destroy_bootstrap(deployment)
        if left := deployment.left_over():
            raise DemoError(f"destroyed, but these remain: {left}")
    finally:
        _stop(deployment)
    return destroyed


def _destroy_bootstrap(deployment: Deployment) -> int:
    bucket = deployment.workspace.bootstrap.output("state_bucket")
    deployment.workspace.release_state()
    empty_bucket(deployment, bucket)
    for name in FUNCTIONS:
        aws(deployment, "ecr", "delete-repository", "--force", "--repository-name", f"joytify/{name}")
    return deployment.workspace.bootstrap.destroy()
