"""What a study's decisions are made of: asking for trials, judging them, giving some up, confirming the best."""
