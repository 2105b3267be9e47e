"""Pickers: each fills a quota from a (part of a) pool. One file a picker."""
