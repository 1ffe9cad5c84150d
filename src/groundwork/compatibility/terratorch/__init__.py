"""TerraTorch's configuration, translated. The tables are the translation; its words occur in no other room."""
