"""Where people are: what is installed into chats, so that each request has a proven end user."""
