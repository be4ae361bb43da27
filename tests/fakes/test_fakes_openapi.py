"""The published OpenAPI document, and schemathesis on it: no answer but those it knows, and no 500."""

import json
import subprocess
import sys

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema.validators import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from fakes.oauth.server import ENDPOINTS
from fakes.openapi.document import document
from fakes.routes import EXACT

POSITIVE = GenerationMode.POSITIVE
DOCUMENT = document()
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The fakes as a program; at its end it has written nothing to stderr, so that nothing was raised in its loop."""
    journal = tmp_path_factory.mktemp("fuzz") / "journal.jsonl"
    command = [sys.executable, "-m", "fakes", "--journal", str(journal), "--seed-family", "f"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield json.loads(process.stdout.readline())["url"]
        process.terminate()
        _, complaints = process.communicate()
    assert (process.returncode, complaints) == (0, "")


def test_the_document_is_published(program):
    assert requests.get(f"{program}/__fakes__/openapi.json", timeout=10).json() == json.loads(json.dumps(DOCUMENT))


def test_every_endpoint_is_in_the_document():
    assert set(EXACT) <= set(DOCUMENT["paths"])
    assert {path: set(DOCUMENT["paths"][path]) for path in ENDPOINTS} == {
        path: {method.lower() for method in endpoint.methods} for path, endpoint in ENDPOINTS.items()
    }


def test_every_schema_is_one():
    def schemas(value):
        if isinstance(value, dict):
            if "schema" in value:
                yield value["schema"]
            for inner in value.values():
                yield from schemas(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from schemas(inner)

    found = list(schemas(DOCUMENT))
    assert found
    for schema in found:
        Draft202012Validator.check_schema(schema)


# Only a body can be wrong in a way that a schema knows.
ASKED = [(operation, mode) for operation in OPERATIONS for mode in GenerationMode if mode is POSITIVE or operation.body]


@pytest.mark.parametrize(("operation", "mode"), ASKED, ids=[f"{operation.label}-{mode}" for operation, mode in ASKED])
def test_every_answer_is_one_that_the_document_knows(program, operation, mode):
    cases = operation.as_strategy(generation_mode=mode)
    session = requests.Session()

    @settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck))
    @given(case=cases, method=st.sampled_from([None, None, None, "PUT", "DELETE", "PATCH"]))
    def answered(case, method):
        reply = case.call(base_url=program, session=session, allow_redirects=False, timeout=10)
        case.validate_response(reply, checks=CHECKS)
        if method is not None:
            other = session.request(method, f"{program}{case.formatted_path}", timeout=10)
            assert other.status_code in (400, 404, 405)

    with session:
        answered()
