"""The published models: their index, their files, and their conversion to ours."""
