"""The wall to the network: sessions, TLS, proxies, addresses and retries, once for all."""
