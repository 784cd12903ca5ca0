"""Questions to the lake: tables, reports, and the engines that answer them."""
