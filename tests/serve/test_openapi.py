"""Requests made up from the service's own description, good and bad ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

schemathesis = pytest.importorskip("schemathesis")
testclient = pytest.importorskip("fastapi.testclient")

from hypothesis import HealthCheck, given, seed, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance


@pytest.mark.parametrize("kind", ["positive", "negative"])
def test_every_answer_is_one_that_is_described(make_app: Callable[..., Any], kind: str) -> None:
    app = make_app()
    mode = schemathesis.GenerationMode(kind)
    seen = set()
    with testclient.TestClient(app, raise_server_exceptions=False):
        schema = schemathesis.openapi.from_asgi("/openapi.json", app)
        for found in schema.get_all_operations():
            operation = found.ok()
            if kind == "negative" and operation.method != "post":
                continue  # nothing can be wrong with a request without parameters
            strategy = operation.as_strategy(generation_mode=mode)

            @seed(20170725)
            @settings(
                max_examples=30,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=strategy)
            def try_it(case: Any) -> None:
                # Statuses, content types and bodies as described; never a 500. Bytes made up from
                # a description are no pictures, so good ones are refused too.
                case.call_and_validate(excluded_checks=[positive_data_acceptance])
                seen.add(case.path)

            try_it()
    assert {"/detect", "/detect/batch"} <= seen
