"""A secret is masked however it is written; nothing else is changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joytify_common.errors import MAX_CHARACTERS, JobError, PermanentError, TransientError, as_job_error, kind_of
from joytify_common.http_retries import RateLimitedError, UnavailableError
from joytify_common.masking import MIN_CHARACTERS, clean, clean_json, hide


@pytest.fixture(autouse=True, scope="module")
def no_secrets_of_other_tests() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("joytify_common.masking._secrets", set())
        yield


@pytest.mark.parametrize(
    "secret", ["key-with-newline\n", "  spaces round  ", 'quo"ted\\key', "pässwörd/+=&?", "tab\tkey"]
)
@pytest.mark.parametrize("written", [str, str.strip, repr, json.dumps, quote, lambda text: quote(text, safe="")])
def test_a_secret_is_masked_in_every_spelling(secret: str, written: Callable[[str], str]) -> None:
    hide(secret)

    text = f"header {written(secret)} refused"
    assert secret.strip() not in clean(text)
    assert written(secret.strip()).strip("'\"") not in clean(text)


@pytest.mark.parametrize("value", ["", "1", "on", "prod"])
def test_what_is_too_short_to_be_a_secret_is_left(value: str) -> None:
    hide(value)

    assert clean("1 on production") == "1 on production"


@given(st.text(min_size=MIN_CHARACTERS).filter(lambda text: len(text.strip()) >= MIN_CHARACTERS))
def test_a_secret_is_masked_in_any_text(secret: str) -> None:
    hide(secret)

    assert secret not in clean(f"x{secret}x")
    assert secret not in str(clean_json({"a": [secret, {"b": secret}], secret: 1}))


def test_numbers_flags_and_null_are_left_as_they_are() -> None:
    hide("2026-11")
    fields = {"count": 202611, "flag": True, "none": None, "share": 0.5, "rows": [1, {"deep": 2026}]}

    assert clean_json(fields) == fields
    assert clean_json({"when": "2026-11-01"}) == {"when": "**********-01"}


@pytest.mark.parametrize(
    "error", [PermanentError("bad my-token-1"), RateLimitedError("bad my-token-1", 3.0), UnavailableError("my-token-1")]
)
def test_an_error_of_ours_keeps_its_kind_and_loses_the_secret(error: JobError) -> None:
    hide("my-token-1")

    shown = as_job_error(error, "stage")

    assert type(shown) is type(error)
    assert "my-token-1" not in str(shown)
    assert kind_of(shown) == ("PermanentError" if isinstance(error, PermanentError) else "TransientError")


def test_an_error_that_quotes_a_megabyte_is_cut() -> None:
    shown = as_job_error(TransientError("event: " + "x" * 1_000_000), "event")

    assert len(str(shown)) <= MAX_CHARACTERS + 4
    assert str(shown).startswith("event: x")
