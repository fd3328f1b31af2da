"""Features of clips: media files read as streams, extractors of audio and vision, text, and the archive of the result.

`extract` makes an npz archive that `benchmark.data.importers` reads; every frame carries seconds and a flag.
"""
