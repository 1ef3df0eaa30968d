"""Where problems come from and how answers are judged. Host side: nothing here imports JAX."""
