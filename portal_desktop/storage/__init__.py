"""The one SQLite file: the only package that knows apsw. One writer thread, a few readers, typed rows out."""
