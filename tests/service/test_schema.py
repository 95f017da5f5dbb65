"""Requests made up from the OpenAPI document: whatever comes, the answer is as documented."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.photos import photo_file, scene
from tests.service.running import API

schemathesis = pytest.importorskip("schemathesis")

SMALL = photo_file(scene(24, 32), "PNG")


def checks() -> list[object]:
    from schemathesis import checks
    from schemathesis.specs.openapi import checks as conformance

    return [
        checks.not_a_server_error,
        conformance.status_code_conformance,
        conformance.content_type_conformance,
        conformance.response_headers_conformance,
        conformance.response_schema_conformance,
    ]


def break_it(shared, examples: int) -> int:
    """Try *examples* requests of every operation; how many operations there are."""
    document = schemathesis.openapi.from_url(f"{shared.url}{API}/openapi.json")
    operations = [found.ok() for found in document.get_all_operations()]
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def run(case) -> None:
            if "{id}" in case.path:
                photo = shared.photo(SMALL)
                made = photo if "/photos/" in case.path else shared.job(photo)
                case.path_parameters["id"] = made.rpartition("/")[2]
            case.call_and_validate(base_url=shared.url, checks=checks(), timeout=120)

        run()
    return len(operations)


def test_made_up_requests(shared):
    assert break_it(shared, 2) > 18


@pytest.mark.slow
def test_many_made_up_requests(shared):
    assert break_it(shared, 60) > 18
