"""What a product claims: its PICS, as data.

`loading.load("koolsign_kcap7pg_cl5g")` gives a checked `station.StationPics` (or `model.CsmsPics`); the file format is
described in docs/reference/pics.md.
"""
