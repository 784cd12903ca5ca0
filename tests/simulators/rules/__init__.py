"""What the providers refuse, as strictly as they do; one file for each dialect.

Every rule raises `MalformedError` with the provider's own words, which the server answers as that
provider's 400. Words and limits come from the vendors' documents and from public error reports;
where neither says, a rule is left out.
"""
