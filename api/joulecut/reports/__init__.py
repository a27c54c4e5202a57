"""Reports: self-contained pages and exported pictures of what the commands found.

`charts` describes a picture neutrally; `interactive` draws it with plotly for a page, `stills` with matplotlib for
files. `document` is the page around them, `writing` puts either on the disk. Modules of `figures` make one picture
each out of plain results; the other modules make one command's report each.
"""
