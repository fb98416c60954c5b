"""What a site is: its parameters, its memory and the equations of its power and cost."""
