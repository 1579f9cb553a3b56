"""Stubs of what Kaggle puts into a competition's input folder, for rehearsals. They are ours, not Kaggle's."""
