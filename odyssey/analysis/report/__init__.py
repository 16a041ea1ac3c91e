"""The report page: of a whole study, of its finished part, or of tables of trials."""
