"""What is kept of a request's and an answer's body, and how it is made a message."""
