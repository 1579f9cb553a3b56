"""Problems, their answers, and sets of them."""
