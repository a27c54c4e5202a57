"""`joulecut study`: batch size, clock and engine against energy, after Yao et al. 2020."""
