"""Results of a study, whatever their source: stored runs, external predictions, selection on the test part."""
