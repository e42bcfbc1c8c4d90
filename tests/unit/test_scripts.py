"""The scripts in bin/, tested in a temporary folder; also runs cli/test_commands.py with coloured output."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REAL_BASE, REAL_MONGODB, REAL_MINISTACK = re.findall(r"(?m)^REAL_\w+=(\S+)$", (ROOT / "bin" / "lib.sh").read_text())


def git(repository: Path, *words: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    command = ["git", "-C", str(repository), *identity, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def write(repository: Path, *files: str) -> None:
    for file in files:
        (repository / file).parent.mkdir(parents=True, exist_ok=True)
        (repository / file).write_text(f"{file} {len(list(repository.rglob('*')))}")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two environments, committed."""
    git(tmp_path, "init", "--quiet")
    write(tmp_path, "common/a.py", "terraform/main.tf", "terraform/README.md")
    for name in ("dev", "prod"):
        write(tmp_path, f"terraform/{name}.tfvars", f"terraform/images.{name}.tfvars.json")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    return tmp_path


def run(repository: Path, script: str) -> str:
    done = subprocess.run(["bash", "-c", script], cwd=repository, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("files", "dirty"),
    [
        (("terraform/backend.hcl", "terraform/dev.tfvars", "terraform/images.prod.tfvars.json", "secret.json"), False),
        (("common/a.py",), True),
        (("images/stats/new.py",), True),
    ],
    ids=["files that docs/deploy.md tells users to create", "a source", "a new source"],
)
def test_a_revision_is_dirty_only_if_the_images_sources_changed(
    repository: Path, files: tuple[str, ...], *, dirty: bool
) -> None:
    write(repository, *files)

    built_from = git(repository, "rev-parse", "HEAD")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "digests")

    assert run(repository, f". {ROOT}/bin/lib.sh; revision") == built_from + "-dirty" * dirty


@pytest.mark.parametrize(
    ("files", "environments"),
    [
        (("terraform/images.dev.tfvars.json",), ["dev"]),
        (("terraform/prod.tfvars", "docs/deploy.md"), ["prod"]),
        (("terraform/main.tf", "terraform/images.dev.tfvars.json"), ["dev", "prod"]),
        (("terraform/README.md", "terraform/bootstrap/x.tf", "terraform/examples/all.tfvars"), []),
    ],
    ids=["digests of one", "variables of one", "the configuration", "nothing that is applied"],
)
def test_only_environments_that_a_change_affects_are_listed(
    repository: Path, files: tuple[str, ...], environments: list[str]
) -> None:
    base = git(repository, "rev-parse", "HEAD")
    write(repository, *files)
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "second")

    assert json.loads(run(repository, f"{ROOT}/bin/changed-environments {base}")) == environments


@pytest.mark.parametrize("before", ["0" * 40, "f" * 40], ids=["a new branch", "a forced push"])
def test_all_environments_are_listed_if_the_base_commit_does_not_exist(repository: Path, before: str) -> None:
    assert json.loads(run(repository, f"{ROOT}/bin/changed-environments {before}")) == ["dev", "prod"]


def test_changed_environments_fails_if_git_fails(tmp_path: Path) -> None:
    write(tmp_path, "terraform/prod.tfvars")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    (tmp_path / ".git" / "HEAD").write_text("nothing")

    with pytest.raises(subprocess.CalledProcessError):
        run(tmp_path, f"{ROOT}/bin/changed-environments HEAD")


@pytest.mark.parametrize(("folder", "other"), [("", ""), (".", ""), ("gone", ""), ("there", "there")])
def test_the_containers_of_another_clone_are_detected(tmp_path: Path, folder: str, other: str) -> None:
    (tmp_path / "there").mkdir()
    told = str((tmp_path / folder).resolve()) if folder else ""
    fake = f"docker() {{ echo '{told}'; }}; DOCKER=docker"

    assert run(tmp_path, f". {ROOT}/bin/lib.sh; {fake}; other_clone") == (str(tmp_path / other) if other else "")


DOCKER = """
docker() {
  echo "$*" >> asked
  case "$*" in
    "image inspect"*) [ -e "here-$(basename "${@: -1}")" ] ;;
    pull*mongo*) return 1 ;;
    pull*) touch "here-$(basename "${@: -1}")" ;;
  esac
}
timeout() { shift; "$@"; }
DOCKER=docker
"""


def test_only_the_image_that_cannot_be_pulled_is_replaced_by_a_stand_in(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "stand-ins").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "stand-ins").chmod(0o755)
    unset = "unset BASE_IMAGE MONGODB_IMAGE MINISTACK_IMAGE"
    echo = 'echo "$BASE_IMAGE $MONGODB_IMAGE $MINISTACK_IMAGE"'
    choose = f"{unset}; . {ROOT}/bin/lib.sh; {DOCKER} choose_images >&2; {echo}"

    first, second = run(tmp_path, choose), run(tmp_path, choose)

    assert first == second == f"{REAL_BASE} joytify-stand-in/mongodb {REAL_MINISTACK}"
    asked = (tmp_path / "asked").read_text().splitlines()
    assert [line for line in asked if line.startswith("pull")] == [
        f"pull -q {image}" for image in (REAL_BASE, REAL_MONGODB, REAL_MINISTACK)
    ]


@pytest.mark.parametrize("variable", ["GITHUB_ACTIONS", "FORCE_COLOR"])
def test_the_tests_of_the_commands_pass_where_output_is_coloured(variable: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/cli/test_commands.py"]

    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, variable: "1"}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout


PYTHON = """#!/bin/sh
case "$*" in
  "-m venv .venv")
    mkdir -p .venv/bin
    printf '#!/bin/sh\\n[ ! -e interrupt ]\\n' | tee .venv/bin/pip >.venv/bin/uv ;;
esac
chmod +x .venv/bin/* 2>/dev/null || true
"""


def test_an_interrupted_installation_starts_anew(tmp_path: Path) -> None:
    for name in ("bin/install", "bin/lib.sh"):
        write(tmp_path, name)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    write(
        tmp_path, "local/requirements.txt", "tests/requirements.txt", "local/pyproject.toml", "images/a/pyproject.toml"
    )
    (tmp_path / "python").write_text(PYTHON)
    (tmp_path / "python").chmod(0o755)
    install = f"PYTHON={tmp_path}/python bash bin/install"
    uv = tmp_path / ".venv" / "bin" / "uv"
    run(tmp_path, f"{install} local")
    whole = uv.read_text()

    (tmp_path / "interrupt").touch()
    with pytest.raises(subprocess.CalledProcessError):
        run(tmp_path, f"{install} tests")
    uv.write_text("half of it")
    uv.chmod(0o644)
    (tmp_path / "interrupt").unlink()
    run(tmp_path, f"{install} local")

    assert uv.read_text() == whole
    assert run(tmp_path, f"{install} local") == ""
