"""The demo model: a tiny language model this project trains itself, its problems and its training script."""
