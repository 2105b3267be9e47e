"""Any vision-language model that `AutoModelForImageTextToText` loads: tuned through TRL, and asked."""

from finegold.tuning.huggingface.answering import HuggingFaceAnswerer
from finegold.tuning.huggingface.training import tune_huggingface

__all__ = ["HuggingFaceAnswerer", "tune_huggingface"]
