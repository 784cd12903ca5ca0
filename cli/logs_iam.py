"""`sekisho logs iam`: the IAM policy of who writes, reads or keeps the lake."""

from typing import TYPE_CHECKING, Protocol

import click

from ..lake.asking.athena import AthenaSettings
from . import output

if TYPE_CHECKING:
    from ..lake.stores.policies import Role

_ROLES = ("writer", "reader", "keeper")


class _Settings(AthenaSettings, Protocol):
    @property
    def lake(self) -> str: ...


@click.command("iam")
@click.option(
    "--role",
    type=click.Choice(_ROLES),
    required=True,
    help="Writer: the gateway. Reader: queries. Keeper: compacting, restating, retention.",
)
@click.option("--payload", is_flag=True, help="The reader may read prompts and answers too.")
@click.option("--account", metavar="ID", default="*", help="AWS account of Athena and Glue.")
@click.option("--region", metavar="NAME", help="Their region. Default: AWS_REGION.")
@click.option("--kms-key", metavar="ARN", default="", help="Your key that encrypts the bucket.")
@click.option("--json", "as_json", is_flag=True, help="Print the policy alone, without notes.")
@click.pass_obj
def iam(
    settings: _Settings,
    role: "Role",
    payload: bool,
    account: str,
    region: str | None,
    kms_key: str,
    as_json: bool,
) -> None:
    """Print the least IAM policy for a role of this lake (SEKISHO_LAKE=s3://bucket/prefix).

    The policy goes to standard output, what to know about it to standard error.
    """
    from ..lake.stores import aws, policies

    athena = policies.Athena(
        workgroup=settings.athena_workgroup,
        database=settings.athena_database,
        output=settings.athena_output,
        region=region or aws.region() or "*",
        account=account,
    )
    with output.one_line():
        document = policies.policy(role, settings.lake, athena, payload=payload, kms_key=kms_key)
    output.print_json(document)
    if not as_json:
        for line in policies.notes(role, athena, payload=payload, kms_key=kms_key):
            click.echo(f"note: {line}", err=True)
