"""Any vision-language model that `AutoModelForImageTextToText` loads."""
