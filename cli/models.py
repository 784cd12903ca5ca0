"""`sekisho models`: what can be asked for, and where it is."""

import click

from . import output
from .models_check import check
from .models_of import configuration


@click.group("models")
def models() -> None:
    """Look at the models behind the gateway."""


models.add_command(check)


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_context
def list_models(ctx: click.Context, as_json: bool) -> None:
    """List every model alias with its deployments, and what was left out."""
    found = configuration(ctx)
    if as_json:
        output.print_json(
            [
                {
                    "alias": d.alias,
                    "deployment": d.id,
                    "cloud": d.cloud,
                    "mode": d.mode,
                    "model": d.model,
                }
                for d in found.deployments
            ]
        )
        return
    rows = [(d.alias, d.mode, d.cloud, d.model) for d in found.deployments]
    output.print_table(("model", "mode", "cloud", "the cloud's own id"), rows)
    for skipped in found.skipped:
        click.echo(str(skipped), err=True)


@models.command("show")
@click.argument("alias")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_context
def show(ctx: click.Context, alias: str, as_json: bool) -> None:
    """Show the deployments of one model ALIAS with their limits and abilities."""
    found = [d for d in configuration(ctx).deployments if d.alias == alias]
    if not found:
        raise output.Problem(f"there is no model {alias} here; 'sekisho models list' lists them")
    if as_json:
        output.print_json([{"deployment": d.id, **d.as_litellm()} for d in found])
        return
    for deployment in found:
        rows = [("deployment", deployment.id), ("cloud", deployment.cloud)]
        rows += [(name, str(value)) for name, value in deployment.params.items()]
        rows += [(n, str(v)) for n, v in deployment.model_info.items() if n != "id"]
        output.print_table(("what", "value"), rows)
