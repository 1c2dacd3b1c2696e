"""What an ECG's samples mean: filters, beats, waves, measurements. Pure functions of arrays."""
