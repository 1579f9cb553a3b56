"""The demo model: a tiny language model trained by this project, its problems and its training scripts."""
