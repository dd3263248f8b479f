"""The published data sets, prepared copies of them and folders of one's own, as they lie on the disk."""
