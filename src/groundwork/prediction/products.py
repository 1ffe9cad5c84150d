"""What predictions are written as. Imports nothing, so that it may be asked before anything is predicted."""

#: What answers are written as, by kind of answer, of which a prediction has one -> the ending of its files.
ANSWERS = {"classes": ".tif", "numbers": ".tif", "objects": ".gpkg"}
#: All that may be made of a scene.
PRODUCTS = {**ANSWERS, "probabilities": ".tif"}
