"""What each model costs: prices in USD with their source and date, and what a request costs."""
