"""What predictions are written as. Imports nothing, so that it may be asked before anything is predicted."""

#: What is written, by kind of answer or by what else a model gives, of which a prediction has one -> the ending of its
#: files.
ANSWERS = {
    "classes": ".tif",
    "numbers": ".tif",
    "objects": ".gpkg",
    "reconstruction": ".tif",
    "embeddings": ".tif",
}
#: Outlines of the tiles of a scene, where each has one answer.
CHIPS = "chips"
#: Outlines of classes.
POLYGONS = "polygons"
_DETAILS = {"probabilities": ".tif", "entropy": ".tif", "sets": ".tif", "deviations": ".tif"}
#: All that may be made of a scene.
PRODUCTS = {**ANSWERS, **_DETAILS, CHIPS: ".gpkg", POLYGONS: ".gpkg"}
#: Where the outlines of all scenes stand as one table.
CHIP_TABLE = "chips.csv"
#: Where the files of all scenes stand of which blocks could not be decoded, if there are any.
BAD_BLOCK_TABLE = "bad_blocks.csv"
#: What says of a scene what was predicted, from what and with what: the STAC item that names all of its products.
ITEM, ITEM_SUFFIX = "item", ".json"
#: The folder of what all scenes make together.
MOSAIC = "mosaic"
#: The STAC collection of all items of a folder.
COLLECTION = "collection.json"
