"""What a response is worth. Host side: nothing here imports JAX, and untrusted text stays data."""
