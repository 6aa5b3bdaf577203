"""Requests to export over HTTP: which forms are accepted, and the errors for the others."""

import pytest

from datacenter.formats.registry import ANNOUNCED, exported_formats
from datacenter.formats.table_formats import TABLE_FORMATS

NOT_YET = [name for name in ANNOUNCED if name not in exported_formats()]


@pytest.mark.parametrize("address", ["/api/v1/exports", "/api/v1/exports/preview"])
@pytest.mark.parametrize("label_format", NOT_YET)
def test_a_label_format_that_is_not_supported_yet_is_refused_and_the_others_are_told(
    web, address: str, label_format: str
) -> None:
    refused = web.client.post(address, json={"datasets": [{"id": "x"}], "label_format": label_format})

    assert (refused.status_code, refused.json()["code"]) == (422, "INVALID")
    use = " or ".join(exported_formats())
    assert refused.json()["detail"] == f"label_format: {label_format} is not supported yet; use {use}"


@pytest.mark.parametrize("field", ["label_format", "table_format", "archive", "compression"])
def test_a_form_that_nobody_knows_is_refused_and_the_field_is_named(web, field: str) -> None:
    refused = web.client.post("/api/v1/exports", json={"datasets": [{"id": "x"}], field: "papyrus"})

    assert refused.status_code == 422
    assert refused.json()["detail"].startswith(f"{field}: ")


def test_the_description_offers_what_can_be_exported_and_nothing_else(web) -> None:
    schemas = web.client.get("/api/v1/openapi.json").json()["components"]["schemas"]
    offered = schemas["NewExportRequest"]["properties"]

    assert offered["label_format"]["enum"] == exported_formats()
    assert offered["table_format"]["enum"] == list(TABLE_FORMATS)
