"""Evaluation: the paper's seven benchmarks, as LVLM-eHub ran them and read strictly."""
