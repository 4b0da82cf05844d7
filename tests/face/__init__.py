"""Tests of the face room."""
