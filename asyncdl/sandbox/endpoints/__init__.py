"""What the service can be asked, one module for each subject."""
