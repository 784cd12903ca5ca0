"""`sekisho logs ddl`: what makes the lake's tables in Athena, and the bucket's retention rules."""

from typing import Protocol

import click

from ..lake import place
from . import output

_NO_BUCKET = "s3://BUCKET/PREFIX"


class DdlPlaces(output.Places, Protocol):
    """The part of `Settings` that this command uses."""

    @property
    def athena_database(self) -> str:
        """Glue's database."""
        ...

    @property
    def usage_days(self) -> int:
        """How long rows of usage are kept; 0: for ever."""
        ...

    @property
    def payload_days(self) -> int:
        """How long prompts and answers are kept; 0: for ever."""
        ...


@click.command("ddl")
@click.option(
    "--lifecycle",
    is_flag=True,
    help="Print the bucket's lifecycle rules instead, from SEKISHO_USAGE_DAYS and "
    "SEKISHO_PAYLOAD_DAYS.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print each statement on its own, for programs."
)
@click.pass_obj
def ddl(places: DdlPlaces, lifecycle: bool, as_json: bool) -> None:
    """Print the SQL that makes this lake's tables and views in Amazon Athena.

    Run it once, and again after an update of Sekisho. Tables are descriptions: dropping one
    deletes no data.
    """
    location = _location(places)
    if lifecycle:
        _print_lifecycle(places, location)
        return
    from ..lake.asking import tables

    statements = tables.ddl(location, places.athena_database)
    if as_json:
        output.print_json([{"makes": one.makes, "sql": one.sql} for one in statements])
        return
    click.echo(
        f"-- Tables of {location} for Amazon Athena, in the database {places.athena_database}.\n"
        "-- Athena takes one statement at a time: paste them one by one, or with the AWS tools:\n"
        "-- sekisho logs ddl --json | jq -c '.[].sql' | while read -r sql; do\n"
        "--   aws athena start-query-execution --work-group primary --query-string "
        '"$(jq -r . <<<"$sql")"; sleep 5\n'
        "-- done\n"
    )
    click.echo("\n\n".join(f"{one.sql};" for one in statements))


def _location(places: DdlPlaces) -> str:
    if place.is_s3(places.lake):
        with output.one_line():
            bucket, prefix = place.bucket(places.lake)
        return f"s3://{bucket}/{prefix}".rstrip("/")
    click.echo(
        f"This lake is the folder {places.lake}, and Athena reads S3 only: put your bucket in "
        f"place of {_NO_BUCKET}, or set SEKISHO_LAKE.",
        err=True,
    )
    return _NO_BUCKET


def _print_lifecycle(places: DdlPlaces, location: str) -> None:
    from ..lake.stores import lifecycle

    click.echo(
        "For: aws s3api put-bucket-lifecycle-configuration --bucket BUCKET "
        "--lifecycle-configuration file://FILE (it replaces the bucket's other rules: merge them).",
        err=True,
    )
    output.print_json(lifecycle.rules(location, places.usage_days, places.payload_days))
