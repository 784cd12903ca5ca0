"""Which region this room's AWS clients talk to: as the AWS tools decide it, and `AWS_REGION`."""

import os


def region() -> str | None:
    """The region; None lets boto3 look into its own files.

    boto3 itself reads only AWS_DEFAULT_REGION, the other SDKs and Lambda set AWS_REGION.
    """
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
