"""What it takes to submit to Kaggle: contests, inputs, gateways, packages, rehearsal, push."""
