"""Pages: of a selection, of judged answers, of a study; each is one file that loads nothing."""
