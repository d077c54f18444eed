"""How an API call is made: holding the account, sending, reading the response, trying again."""
