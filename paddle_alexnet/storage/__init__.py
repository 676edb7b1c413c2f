"""Files that are whole or not there: texts, tensors, weights."""
