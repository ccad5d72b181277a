"""From the files of an apply to a revision in the store and a publication: read, compile, commit, remember."""
