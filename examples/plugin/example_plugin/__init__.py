"""What a team may bring to Unitscale: a model, two data sets and a task of its own."""
