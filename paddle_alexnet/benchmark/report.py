"""What was measured, as lines to read and as a record to keep."""

from typing import Any

from paddle_alexnet.benchmark.kinds import PRODUCT_NAME, Measured

LIBRARIES = ("paddlepaddle", "paddlepaddle-gpu", "torch")


def report_lines(measured: Measured, environment: dict[str, Any]) -> list[str]:
    """A line of machine, versions and commit, then one for every row.

    A row shows its median, its quartiles, and its ratio to torch's row, or to the first where none
    is torch's. Rows whose operations are known show their rate, and their share of the rate of a
    product of matrices that was timed with them.

    Args:
        measured: At least one row.
        environment: :func:`paddle_alexnet.log.environment.describe_environment`.
    """
    rows = measured.rows
    theirs = [name for name in rows if name.startswith("torch")]
    reference = rows[(theirs or list(rows))[0]].median
    # One operation a millisecond is 1e3 a second, so 1e-6 GFLOP/s.
    rates = {name: count / rows[name].median / 1e6 for name, count in measured.operations.items()}
    lines = [_where(environment)]
    for name, row in rows.items():
        line = f"{name:<32}{row.median:9.1f} {measured.unit} ({row.low:.1f} to {row.high:.1f})"
        line += f"  {row.median / reference:5.2f}"
        if name in rates:
            line += f"  {rates[name]:6.0f} GFLOP/s"
            if len(rates) > 1:
                line += f", {rates[name] / rates[PRODUCT_NAME]:4.0%} of matrices"
        lines.append(line)
    return lines


def _where(environment: dict[str, Any]) -> str:
    machine, packages = environment["machine"], environment["packages"]
    versions = ", ".join(f"{name} {packages[name]}" for name in LIBRARIES if name in packages)
    head, *changes = (environment["commit"] or "unknown").partition("+")
    commit = head[:7] + "".join(changes)
    return f"{machine['cores']} cores of {machine['processor']}; {versions}; commit {commit}"


def record(
    measured: Measured, environment: dict[str, Any], arguments: dict[str, Any]
) -> dict[str, Any]:
    """All of it for JSON; ``arguments`` are those of the command line."""
    return {
        "environment": environment,
        "arguments": arguments,
        "unit": measured.unit,
        "rows": {name: vars(row) for name, row in measured.rows.items()},
    }


def nets_rows(measured: Measured) -> dict[str, dict[str, float]]:
    """What to draw: without the product of matrices, where there is anything else."""
    rows = {name: vars(row) for name, row in measured.rows.items()}
    return {name: row for name, row in rows.items() if name != PRODUCT_NAME} or rows
