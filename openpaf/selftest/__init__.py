"""What `openpaf info` and `openpaf bench` measure on the user's machine."""
