"""What happened: a finished request comes in, a row in Parquet and answers in SQL leave."""
