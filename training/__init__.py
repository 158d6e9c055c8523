"""Trains the models that Assay ships. Never imported by the product."""
