"""How good a patch is: what is rendered, what judges it, and the page that shows it."""
