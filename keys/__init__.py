"""Who may pass: a bearer key comes in, an `Identity` or a `Refusal` leaves."""
