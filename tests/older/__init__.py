"""States of jobs and lists that an older version left: made, kept, and brought back."""
