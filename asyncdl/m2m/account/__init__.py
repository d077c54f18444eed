"""The account: where user name and token are found, in which order, and what a login stores."""
