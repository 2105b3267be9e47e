"""Allocators: each turns a budget into one quota a group of the pool. One file holds one idea."""
