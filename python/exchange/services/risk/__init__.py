"""Risk: owns the limits that every order meets before the book, and the positions that they look at."""
