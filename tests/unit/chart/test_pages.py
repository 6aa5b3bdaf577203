"""What is made of the values and of the settings class is made of what they are now."""

import importlib.util
import json
from types import ModuleType

import yaml
from support.chart.rendering import CHART, ROOT, render, values_of

from datacenter.settings.model import Settings


def _tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_lists_the_values_as_they_are():
    assert _tool("chart_readme").readme_text() == (CHART / "README.md").read_text(encoding="utf-8"), (
        "make chart"
    )


def test_the_schema_is_that_of_its_source_and_of_the_settings_class():
    text = (CHART / "values.schema.json").read_text(encoding="utf-8")

    assert _tool("chart_schema").schema_text() == text, "make chart"
    assert json.loads(text)["definitions"]["Settings"]["properties"].keys() == Settings.model_fields.keys()


def test_every_value_is_in_the_readme_with_its_default_and_its_comment():
    page = (CHART / "README.md").read_text(encoding="utf-8")

    assert (
        "| `metrics.port` | `9100` | The port on which web layer, workers and scheduler serve `/metrics`;"
        in page
    )
    assert '| `workers.export.queues` | `["export", "download"]` |' in page


def test_the_examples_of_the_readme_are_values_files_that_the_chart_takes_one_over_the_other():
    page = (CHART / "README.md").read_text(encoding="utf-8")
    first, second = [yaml.safe_load(part.split("```")[0]) for part in page.split("```yaml\n")[1:]]

    assert render(first).refusal == ""
    rendering = render({**first, **second})
    assert [found["kind"] for found in rendering.objects].count("ExternalSecret") == 1, rendering.refusal


def test_the_values_file_to_try_it_out_needs_nothing_beside_the_image():
    values = values_of("dev")

    assert "existingSecret" not in values
    assert render(values).refusal == ""
