"""Read policies of other de-identifiers, and say line by line what could not be carried over."""
