"""One image: from a file of any kind to the square picture of a recipe, or a reason why not."""
