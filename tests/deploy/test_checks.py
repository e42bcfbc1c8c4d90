"""Terraform's own tests, which need no account."""

from __future__ import annotations

import subprocess

import pytest

pytestmark = [pytest.mark.xdist_group("terraform"), pytest.mark.timeout(1800)]


def test_terraforms_own_tests_pass() -> None:
    done = subprocess.run(["make", "test-terraform"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    # Two folders and the module, each with its tests, and the security rules.
    assert done.stdout.count("Success!") == 3
    assert "checkov: ok" in done.stdout
