"""Presets: one file is one run. A wheel carries this folder as entropy_rl/configs, and load_config finds it there."""
