"""One format of image files a module."""
