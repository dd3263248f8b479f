"""Published facts of the data sets, one YAML file each: what ``data verify`` expects."""
