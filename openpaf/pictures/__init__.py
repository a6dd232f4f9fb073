"""Pictures as bytes: of which kind and how large they say they are, and their pixels."""
