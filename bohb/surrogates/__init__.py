"""What predicts: a Gaussian process and kernel densities. Arrays in, arrays out; no configuration and no budget."""
