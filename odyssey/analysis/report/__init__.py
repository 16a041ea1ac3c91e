"""The page, of whole studies, of parts and of tables."""
