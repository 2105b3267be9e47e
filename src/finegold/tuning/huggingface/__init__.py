"""Any vision-language model that `AutoModelForImageTextToText` loads, tuned through TRL."""
