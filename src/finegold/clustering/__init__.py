"""Clustering: k-NN graph, spectral, k-means."""

from finegold.clustering.graph import KnnGraph, Metric
from finegold.clustering.kmeans import kmeans
from finegold.clustering.knn import knn_graph
from finegold.clustering.result import Clustering, renumber
from finegold.clustering.spectral import spectral
from finegold.clustering.step import Method, cluster_rows

__all__ = [
    "Clustering",
    "KnnGraph",
    "Method",
    "Metric",
    "cluster_rows",
    "kmeans",
    "knn_graph",
    "renumber",
    "spectral",
]
