"""What a PromQL expression asks for: its metrics, with the labels that it selects or groups by."""

from collections.abc import Iterator
from dataclasses import dataclass

import promql_parser

OF_THE_SCRAPE = {"instance", "job", "namespace"}
"""Labels that Prometheus adds."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One metric in an expression."""

    metric: str
    labels: frozenset[str]


def asked_for(expression: str) -> list[Asked]:
    """Every metric of an expression. Raises: ValueError, it is not PromQL."""
    return list(_walk(promql_parser.parse(expression.replace("$__rate_interval", "1m")), frozenset()))


def _walk(node: promql_parser.Expr, grouped_by: frozenset[str]) -> Iterator[Asked]:
    match node:
        case promql_parser.VectorSelector():
            selected = {matcher.name for matcher in node.matchers.matchers}
            yield Asked(metric=node.name, labels=(grouped_by | selected) - OF_THE_SCRAPE)
        case promql_parser.MatrixSelector():
            yield from _walk(node.vector_selector, grouped_by)
        case promql_parser.AggregateExpr():
            by = frozenset(node.modifier.labels) if node.modifier else frozenset()
            yield from _walk(node.expr, grouped_by | by)
        case promql_parser.Call():
            for argument in node.args:
                yield from _walk(argument, grouped_by)
        case promql_parser.BinaryExpr():
            yield from _walk(node.lhs, grouped_by)
            yield from _walk(node.rhs, frozenset())
        case promql_parser.ParenExpr():
            yield from _walk(node.expr, grouped_by)
        case promql_parser.NumberLiteral() | promql_parser.StringLiteral():
            return
        case _:
            raise ValueError(f"the walk knows no {type(node).__name__}")
