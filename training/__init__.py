"""The studio: audio folders in, trained runs out. It never imports the stage."""
