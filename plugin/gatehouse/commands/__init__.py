"""One module for each command of ``gatehouse``; imported only when it is called."""
