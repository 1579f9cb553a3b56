"""What gets a submission onto Kaggle and running there: inputs, packages, push, rehearsal, doctor."""
