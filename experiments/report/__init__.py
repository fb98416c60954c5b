"""An interactive report of results as one page of HTML."""
