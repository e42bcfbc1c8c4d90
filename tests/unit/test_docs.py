from __future__ import annotations

import configuration


def test_the_page_on_configuration_is_what_the_models_say() -> None:
    assert configuration.FILE.read_text(encoding="utf-8") == configuration.document(), "stale: run `make docs`"
