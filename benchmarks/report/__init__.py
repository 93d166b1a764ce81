"""What comes out of the results: tables for the terminal, figures, and one HTML file."""
