"""`joulecut simulate`: serving policies on traces of arrivals, in virtual time, compared."""
