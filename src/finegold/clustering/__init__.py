"""Clustering: k-NN graph, spectral, k-means."""

from finegold.clustering.graph import KnnGraph

__all__ = ["KnnGraph"]
