"""What is installed, how it is set up, and the rules of the house that no linter keeps."""
