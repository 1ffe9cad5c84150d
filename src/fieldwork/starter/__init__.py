"""Projects of one's own made of this repository. Needs nothing but Python and git: ``kedro new`` runs it too."""
