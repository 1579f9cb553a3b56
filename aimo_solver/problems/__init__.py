"""Problems, answers, problem sets."""
