"""The words that every part of joulecut shares: clocks, devices, networks, profiles, problems, plans, errors, time.

Import from the modules; this package pulls in no third-party library at run time.
"""
