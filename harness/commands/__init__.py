"""What the command `pileup` does, apart from reading records, which is `reports`."""
