"""Retention on S3: the bucket's own lifecycle rules, from how many days each table is kept."""

from urllib.parse import urlsplit

_NAMES = {"usage": "SEKISHO_USAGE_DAYS", "payload": "SEKISHO_PAYLOAD_DAYS"}


def rules(location: str, usage_days: int, payload_days: int) -> dict[str, object]:
    """What `aws s3api put-bucket-lifecycle-configuration` takes; 0 days keeps for ever.

    S3 counts from an object's last writing: `day.parquet` is written a day after its day or later,
    so that a row may live some days longer, never shorter. In a bucket with versions an expired
    object would live on as an old version, therefore those go too, after a week.
    """
    prefix = urlsplit(location).path.strip("/")
    base = f"{prefix}/" if prefix else ""
    kept = {"usage": usage_days, "payload": payload_days}
    return {
        "Rules": [
            *[_expire(table, f"{base}{table}/", days) for table, days in kept.items() if days],
            {
                "ID": "sekisho-leftovers",
                "Filter": {"Prefix": base},
                "Status": "Enabled",
                "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
            },
        ]
    }


def _expire(table: str, prefix: str, days: int) -> dict[str, object]:
    return {
        "ID": f"sekisho-{table}",
        "Filter": {"Prefix": prefix},
        "Status": "Enabled",
        # A day's last record comes up to a day after its first, and is shipped a little later.
        "Expiration": {"Days": days + 1},
    }
