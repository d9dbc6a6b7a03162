"""The commands of `cmdb`, a module for each subject."""
