"""Looks at a table and a folder of images, and drafts the declaration of both."""
