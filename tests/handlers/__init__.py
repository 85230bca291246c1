"""Tests of the front: words, routes and middlewares."""
