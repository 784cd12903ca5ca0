"""`sekisho prices`: what models cost, and where the figures come from."""

import sys

import click

from ..pricing import catalog, diff, verify
from ..pricing.importer import text
from ..pricing.overrides import price_of
from ..pricing.price import Price
from ..pricing.units import BY_NAME, ONE
from . import output
from .models_of import configuration
from .prices_restate import restate


@click.group("prices")
def prices() -> None:
    """Check, show and compare prices, and correct the costs of the past."""


prices.add_command(restate)


@prices.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Check that every model is priced for every unit that it bills; exit code 1 if not."""
    found = configuration(ctx, every_cloud=True)
    findings = verify.check(found.deployments)
    if as_json:
        output.print_json([str(finding) for finding in findings])
    else:
        for finding in findings:
            click.echo(str(finding))
        if not findings:
            click.echo(f"every one of {len(found.deployments)} deployments is priced")
    sys.exit(1 if findings else 0)


@prices.command("show")
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_context
def show(ctx: click.Context, model: str, as_json: bool) -> None:
    """Show the price of MODEL (an alias, or an id of the price list), with source and date."""
    known = catalog.load()
    direct = known.price(model)
    deployments = [d for d in configuration(ctx, every_cloud=True).deployments if d.alias == model]
    found = [p for d in deployments if (p := price_of(d, known))] or ([direct] if direct else [])
    if not found:
        raise output.Problem(f"there is no price for {model}; 'sekisho models list' lists aliases")
    if as_json:
        output.print_json([_plain(price) for price in found])
        return
    for price in found:
        click.echo(f"{price.id}  ({price.date}, {price.source})")
        output.print_table(("unit", "USD", "for"), _rows(price), numbers=("USD",))


def _rows(price: Price) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = []
    rates = {"": price.standard, **{f" ({name})": r for name, r in price.tiers.items()}}
    for suffix, rate in rates.items():
        steps = [("", rate.figures), *((f" above {s.above:,}", s.figures) for s in rate.steps)]
        for step, figures in steps:
            for unit, figure in figures.items():
                per = BY_NAME[unit].per
                each = "each" if per == ONE else "a million"
                rows.append((unit + step + suffix, text(figure * per), each))
    rows += [(f"image {key}", text(figure), "each") for key, figure in price.images.items()]
    return rows


def _plain(price: Price) -> dict[str, object]:
    units = {unit: f"{usd} {each}" for unit, usd, each in _rows(price)}
    return {"id": price.id, "source": price.source, "date": str(price.date), "usd": units}


@prices.command("diff")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def compare(as_json: bool) -> None:
    """Compare our prices with LiteLLM's own map; exit code 1 when they differ."""
    found = diff.differences()
    if as_json:
        output.print_json([str(difference) for difference in found])
    else:
        for difference in found:
            click.echo(str(difference))
    sys.exit(1 if found else 0)
