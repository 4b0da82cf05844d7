"""Tests of the embedding room."""
