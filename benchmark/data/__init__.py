"""Data sets: samples in memory, the store on disk, importers, the synthetic generator, text encoding, batches."""
