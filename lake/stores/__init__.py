"""Where a lake lies: a folder or an S3 bucket, and who may do what there."""
