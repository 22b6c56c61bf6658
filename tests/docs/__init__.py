"""What the pages say is run: programs, commands, the notebook; and the site that is made of them."""
