"""The ECG as a value: samples, leads, units, people, lossless codec, foreign file formats."""
